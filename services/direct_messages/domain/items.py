"""What a message can be: a kind and what belongs to it, and which of them an account may send."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.texts import has_external_link


@dataclass(frozen=True, slots=True)
class TextReply:
    """A text."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class ImageReply:
    """An image that was uploaded before, by the platform's id."""

    image_id: str
    kind: Literal["image"] = "image"


@dataclass(frozen=True, slots=True)
class VideoReply:
    """A public video of the account itself."""

    item_id: str
    kind: Literal["video"] = "video"


@dataclass(frozen=True, slots=True)
class LeadCardReply:
    """A card in which the fan leaves name, phone or city."""

    card_id: str
    kind: Literal["lead_card"] = "lead_card"


@dataclass(frozen=True, slots=True)
class GroupInvitationReply:
    """An invitation into a fan group."""

    group_id: str
    group_token: str | None = None
    kind: Literal["group_invitation"] = "group_invitation"


@dataclass(frozen=True, slots=True)
class AppletCardReply:
    """A card that opens a mini-app."""

    card_template_id: str | None = None
    card_id: str | None = None
    app_id: str | None = None
    path: str | None = None
    query: str | None = None
    schema: str | None = None
    kind: Literal["applet_card"] = "applet_card"


@dataclass(frozen=True, slots=True)
class QuestionCardReply:
    """A title and questions that the fan can tap."""

    title: str
    questions: tuple[str, ...]
    kind: Literal["question_card"] = "question_card"


@dataclass(frozen=True, slots=True)
class JumpQuestion:
    """A question that opens a page of a mini-app when it is tapped."""

    text: str
    jump_type: int  # the platform's number
    app_id: str
    path: str | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class JumpCardReply:
    """A title and questions, each of which opens a page of a mini-app."""

    title: str
    questions: tuple[JumpQuestion, ...]
    kind: Literal["jump_card"] = "jump_card"


@dataclass(frozen=True, slots=True)
class CouponReply:
    """A coupon of a mini-app, by the platform's numbers."""

    activity_id: str
    coupon_meta_id: str
    kind: Literal["coupon"] = "coupon"


@dataclass(frozen=True, slots=True)
class GrantCardReply:
    """A card with which the fan lets the account write first, through a mini-app."""

    app_id: str
    app_open_id: str | None = None  # the fan under that mini-app
    kind: Literal["grant_card"] = "grant_card"


@dataclass(frozen=True, slots=True)
class MenuReply:
    """A level of the menu: 0 the first, else what stands under that entry. It travels as what it shows."""

    title: str
    level: int = 0
    form: Literal["card", "text"] = "card"
    kind: Literal["menu"] = "menu"


Item = (
    TextReply
    | ImageReply
    | VideoReply
    | LeadCardReply
    | GroupInvitationReply
    | AppletCardReply
    | QuestionCardReply
    | JumpCardReply
    | CouponReply
    | GrantCardReply
)
Reply = Item | MenuReply  # what a rule says: an item, or a level of the menu as it is then
_KINDS: Final[dict[str, type[Any]]] = {
    str(next(field.default for field in fields(kind) if field.name == "kind")): kind
    for kind in get_args(Reply)
}
_LINK: Final = "a link that leads away, to no host of the allow-list"
_BLANK: Final = "must not be blank"
_MOST_NUMBER: Final = 2**63 - 1  # the platform counts in 64 bits


@dataclass(frozen=True, slots=True)
class Fault:
    """What may not be as it is, and where (a JSON pointer)."""

    pointer: str
    detail: str
    policy_key: str | None = None  # whose value says so


@dataclass(frozen=True, slots=True)
class Room:
    """How long a text may be, and which policy key says so."""

    chars: int
    policy_key: str


def item_faults(item: Reply, policy: Policy, place: str, room: Room) -> Iterator[Fault]:
    """Everything that is wrong with an item under this policy; `place` is where it stands."""
    match item:
        case TextReply(text=text):
            yield from _text_faults(text, f"{place}/text", room, policy)
        case QuestionCardReply():
            yield from _card_faults(item.title, item.questions, policy, place)
        case JumpCardReply():
            texts = tuple(question.text for question in item.questions)
            yield from _card_faults(item.title, texts, policy, place)
            yield from _jump_faults(item, place)
        case AppletCardReply():
            yield from _applet_faults(item, place)
        case MenuReply(title=title, level=level):
            card = Room(policy.question_title_chars, "dm.question_card.title_max_chars")
            yield from _text_faults(title, f"{place}/title", card, policy)
            if not 0 <= level <= policy.menu.entries[0]:
                wanted = f"0 (the first level) to {policy.menu.entries[0]}"
                yield Fault(f"{place}/level", wanted, "dm.menu.level1_max")
        case CouponReply():
            yield from _number_faults(item, place)
        case _:
            yield from _id_faults(item, place)


def said_by_rule(policy: Policy) -> Room:
    """The room of a text that a rule sends."""
    return Room(policy.auto_text_chars, "dm.auto_reply.text_max_chars")


def said_by_person(policy: Policy) -> Room:
    """The room of a text that a person sends."""
    return Room(policy.text_chars, "dm.text.max_chars")


def _text_faults(text: str, place: str, room: Room, policy: Policy) -> Iterator[Fault]:
    if not text.strip():
        yield Fault(place, _BLANK)
    elif len(text) > room.chars:
        yield Fault(place, f"at most {room.chars} characters", room.policy_key)
    elif not policy.external_links and has_external_link(text, policy.allowed_hosts):
        yield Fault(place, _LINK, "dm.text.allowed_hosts")


def _card_faults(
    title: str, questions: tuple[str, ...], policy: Policy, place: str
) -> Iterator[Fault]:
    room = Room(policy.question_title_chars, "dm.question_card.title_max_chars")
    yield from _text_faults(title, f"{place}/title", room, policy)
    if not 1 <= len(questions) <= policy.questions_max:
        wanted = f"1 to {policy.questions_max} questions"
        yield Fault(f"{place}/questions", wanted, "dm.question_card.questions_max")
    room = Room(policy.question_chars, "dm.question_card.question_max_chars")
    for number, question in enumerate(questions):
        yield from _text_faults(question, f"{place}/questions/{number}", room, policy)


def _jump_faults(card: JumpCardReply, place: str) -> Iterator[Fault]:
    for number, question in enumerate(card.questions):
        where = f"{place}/questions/{number}"
        if not question.app_id.strip():
            yield Fault(f"{where}/app_id", _BLANK)
        yield from _query_faults(question.query, where)


def _applet_faults(card: AppletCardReply, place: str) -> Iterator[Fault]:
    yield from _id_faults(card, place)
    if not (card.card_template_id or card.card_id or card.schema):
        yield Fault(f"{place}/card_template_id", "name a template, a card or a schema")
    yield from _query_faults(card.query, place)


def _query_faults(query: str | None, place: str) -> Iterator[Fault]:
    if query is not None and not _is_object(query):
        yield Fault(f"{place}/query", "must be a JSON object, as a string")


def _number_faults(coupon: CouponReply, place: str) -> Iterator[Fault]:
    for name, value in content_of(coupon).items():
        if not (value.isascii() and value.isdigit() and int(value) <= _MOST_NUMBER):
            yield Fault(f"{place}/{name}", "must be a number of the platform, as a string")


def _id_faults(item: Reply, place: str) -> Iterator[Fault]:
    for name, value in content_of(item).items():
        if isinstance(value, str) and not value.strip():
            yield Fault(f"{place}/{name}", _BLANK)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def text_of(item: Reply) -> str | None:
    """What people read first in it: the text, or the title of a card."""
    match item:
        case TextReply(text=text):
            return text
        case QuestionCardReply(title=title) | JumpCardReply(title=title) | MenuReply(title=title):
            return title
    return None


def _what_is_set(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in fields if value is not None}


def content_of(item: Reply) -> dict[str, Any]:
    """What belongs to the kind, as JSON values; what is not set is left out."""
    content = asdict(item, dict_factory=_what_is_set)
    del content["kind"]
    return content


def wording(item: Reply) -> str:
    """How the item travels: a text as it is, anything else as a JSON object."""
    return item.text if isinstance(item, TextReply) else json.dumps(content_of(item))


def dump_item(item: Reply) -> dict[str, Any]:
    """One item as JSON values, tagged with its kind."""
    return {"kind": item.kind, **content_of(item)}


def load_item(record: Mapping[str, Any]) -> Reply:
    """The item that `dump_item` wrote."""
    given = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record.items()
        if name != "kind"
    }
    kind = _KINDS[record.get("kind", "text")]
    if kind is JumpCardReply:
        given["questions"] = tuple(JumpQuestion(**question) for question in given["questions"])
    item: Reply = kind(**given)
    return item
