"""What can be said, by kind: as people write it and as they see it."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from services.direct_messages.domain.items import Item, content_of, load_item, text_of
from shared.http.models import RequestModel, ResponseModel, ShortText, Text, by_kind

_Id = Annotated[Text, Field(min_length=1, max_length=256)]


class TextReplyIn(RequestModel):
    """A text to send; how long it may be is the account's policy."""

    kind: Literal["text"] = "text"
    text: Annotated[Text, Field(min_length=1, max_length=10_000)]


class ImageReplyIn(RequestModel):
    """An image, by the id that its upload returned."""

    kind: Literal["image"]
    image_id: _Id


class VideoReplyIn(RequestModel):
    """A public video of the account itself."""

    kind: Literal["video"]
    item_id: _Id


class LeadCardReplyIn(RequestModel):
    """A lead card of the account."""

    kind: Literal["lead_card"]
    card_id: _Id


class GroupInvitationReplyIn(RequestModel):
    """An invitation into a fan group."""

    kind: Literal["group_invitation"]
    group_id: _Id
    group_token: _Id | None = None


class AppletCardReplyIn(RequestModel):
    """A card that opens a mini-app; it names a template, a card or a schema."""

    kind: Literal["applet_card"]
    card_template_id: _Id | None = None
    card_id: _Id | None = None
    app_id: _Id | None = None
    path: Annotated[Text, Field(max_length=1000)] | None = None
    query: Annotated[Text, Field(max_length=2000)] | None = None
    schema_: Annotated[Annotated[Text, Field(max_length=2000)] | None, Field(alias="schema")] = None


class QuestionCardReplyIn(RequestModel):
    """A title and questions to tap; their number and length are the account's policy."""

    kind: Literal["question_card"]
    title: Annotated[Text, Field(min_length=1, max_length=1000)]
    questions: Annotated[list[ShortText], Field(min_length=1, max_length=100)]


CardIn = Annotated[
    Annotated[ImageReplyIn, Tag("kind:image")]
    | Annotated[VideoReplyIn, Tag("kind:video")]
    | Annotated[LeadCardReplyIn, Tag("kind:lead_card")]
    | Annotated[GroupInvitationReplyIn, Tag("kind:group_invitation")]
    | Annotated[AppletCardReplyIn, Tag("kind:applet_card")]
    | Annotated[QuestionCardReplyIn, Tag("kind:question_card")],
    Discriminator(by_kind),
]
ItemIn = Annotated[
    Annotated[TextReplyIn, Tag("kind:text")]
    | Annotated[ImageReplyIn, Tag("kind:image")]
    | Annotated[VideoReplyIn, Tag("kind:video")]
    | Annotated[LeadCardReplyIn, Tag("kind:lead_card")]
    | Annotated[GroupInvitationReplyIn, Tag("kind:group_invitation")]
    | Annotated[AppletCardReplyIn, Tag("kind:applet_card")]
    | Annotated[QuestionCardReplyIn, Tag("kind:question_card")],
    Discriminator(by_kind),
]


class ReplyItemOut(ResponseModel):
    """What is sent. `text` is what people read in it: a text, the title of a card, or nothing."""

    kind: Literal[
        "text",
        "image",
        "video",
        "lead_card",
        "group_invitation",
        "applet_card",
        "question_card",
    ]
    text: str
    content: dict[str, Any]


def item_of(given: RequestModel) -> Item:
    """The item that somebody wrote."""
    return load_item(given.model_dump(by_alias=True))


def item_out(item: Item) -> ReplyItemOut:
    """The item as people see it."""
    return ReplyItemOut(kind=item.kind, text=text_of(item) or "", content=content_of(item))
