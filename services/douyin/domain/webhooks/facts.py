"""The facts that webhooks tell, each in our words. Times are milliseconds since 1970."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnsweredCard:
    """A lead card as the fan filled it in: (label, value) each, the phone as the platform masks it."""

    card_id: str
    status: int | None
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A direct message between fan and account."""

    message_id: str
    conversation_id: str
    fan: str
    kind: str
    text: str | None
    at_ms: int

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.fan


@dataclass(frozen=True, slots=True)
class Received(Message):
    """The fan wrote."""

    item_id: str | None = None  # of a video that was shared
    card: AnsweredCard | None = None


@dataclass(frozen=True, slots=True)
class Echoed(Message):
    """Our own app wrote."""

    content_hash: str


@dataclass(frozen=True, slots=True)
class PersonWrote(Message):
    """Somebody wrote by hand in the Douyin app."""


@dataclass(frozen=True, slots=True)
class Entered:
    """The fan opened the chat page: from a video of the account, through an ad, or neither."""

    message_id: str
    conversation_id: str
    fan: str
    at_ms: int
    item_id: str | None = None
    ad: tuple[tuple[str, str], ...] = ()  # names of the platform → ids

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.fan


@dataclass(frozen=True, slots=True)
class Followed:
    """The fan followed the account."""

    fan: str
    at_ms: int

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.fan


@dataclass(frozen=True, slots=True)
class Recalled:
    """A message was taken back, by the fan or by the account."""

    message_id: str
    open_id: str  # the other side, or who else the platform names
    by_account: bool
    at_ms: int | None

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.open_id or self.message_id


@dataclass(frozen=True, slots=True)
class ReadUpTo:
    """Somebody has read a conversation up to this index."""

    conversation_id: str
    is_group: bool
    open_id: str
    index: int
    at_ms: int | None

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.conversation_id


@dataclass(frozen=True, slots=True)
class GroupSpoken:
    """Somebody wrote in a fan group."""

    message_id: str
    conversation_id: str  # of the group
    owner: str
    open_id: str  # who spoke
    by_account: bool
    source: str  # the client key of the app that sent it; empty when it was typed
    kind: str
    text: str | None
    at_ms: int

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.conversation_id


@dataclass(frozen=True, slots=True)
class ApplicationChanged:
    """Somebody asks to join a fan group, or that was decided."""

    application_id: str
    group_id: str
    open_id: str
    nickname: str | None
    status: str  # applying, approved, refused, or the platform's number
    at_ms: int

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.group_id


@dataclass(frozen=True, slots=True)
class GroupJoined:
    """Somebody joined a fan group."""

    group_id: str
    open_id: str
    group_kind: int | None  # 2 a host's fan group, 5 a group of ten thousand
    at_ms: int

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.group_id


@dataclass(frozen=True, slots=True)
class GrantChanged:
    """A fan allowed the account to write first, or took that back."""

    open_id: str
    allowed: bool
    source: str
    expires_ms: int | None
    at_ms: int

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.open_id


@dataclass(frozen=True, slots=True)
class VideoLiked:
    """Somebody liked a video of the account."""

    open_id: str
    item_id: str
    at_ms: int

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.open_id


@dataclass(frozen=True, slots=True)
class VideoCommented:
    """Somebody commented on a video of the account."""

    open_id: str
    comment_id: str
    item_id: str
    reply_to: str | None  # the comment that it answers
    text: str | None
    at_ms: int | None

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.item_id


@dataclass(frozen=True, slots=True)
class VideoCreated:
    """A video was posted through an app of ours."""

    item_id: str
    share_id: str | None
    at_ms: int | None

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.item_id


@dataclass(frozen=True, slots=True)
class IdentitiesLinked:
    """The same person under two apps, one of consumers and one of businesses."""

    consumer_client_key: str
    consumer_open_id: str
    business_client_key: str
    business_open_id: str
    at_ms: int | None

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.consumer_open_id


@dataclass(frozen=True, slots=True)
class ContactMade:
    """A fan got in touch by a way of the older platform: called, left a number, opened the chat."""

    open_id: str
    way: str
    kind: str | None
    text: str | None
    at_ms: int | None

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.open_id


@dataclass(frozen=True, slots=True)
class AuthorisationReported:
    """The account's owner granted something to the app, or took it back."""

    report: str  # the platform's name of the event
    open_id: str  # the account's own
    scopes: tuple[str, ...]
    at_ms: int | None

    @property
    def subject(self) -> str:
        """Whose order counts."""
        return self.open_id


Fact = (
    Received
    | Echoed
    | PersonWrote
    | Entered
    | Followed
    | Recalled
    | ReadUpTo
    | GroupSpoken
    | ApplicationChanged
    | GroupJoined
    | GrantChanged
    | VideoLiked
    | VideoCommented
    | VideoCreated
    | IdentitiesLinked
    | ContactMade
    | AuthorisationReported
)
