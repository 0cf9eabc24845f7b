"""What can be said, by kind: as people write it and as they see it."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from services.direct_messages.domain.items import (
    Item,
    MenuReply,
    Reply,
    content_of,
    load_item,
    text_of,
)
from shared.http.models import RequestModel, ResponseModel, ShortText, Text, by_kind

_Id = Annotated[Text, Field(min_length=1, max_length=256)]
_Number = Annotated[str, Field(pattern="^[0-9]{1,19}$")]


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


class JumpQuestionIn(RequestModel):
    """A question that opens a page of a mini-app; `jump_type` is the platform's number."""

    text: ShortText
    jump_type: Annotated[int, Field(ge=0, le=2**31 - 1)]
    app_id: _Id
    path: Annotated[Text, Field(max_length=1000)] | None = None
    query: Annotated[Text, Field(max_length=2000)] | None = None


class JumpCardReplyIn(RequestModel):
    """A title and questions that open a mini-app; number and length as of a question card."""

    kind: Literal["jump_card"]
    title: Annotated[Text, Field(min_length=1, max_length=1000)]
    questions: Annotated[list[JumpQuestionIn], Field(min_length=1, max_length=100)]


class CouponReplyIn(RequestModel):
    """A coupon of a mini-app; both ids are numbers of the platform, as strings."""

    kind: Literal["coupon"]
    activity_id: _Number
    coupon_meta_id: _Number


class GrantCardReplyIn(RequestModel):
    """A card with which the fan lets the account write first, through a mini-app.

    `app_open_id`: the fan's open_id under that mini-app, where it is known.
    """

    kind: Literal["grant_card"]
    app_id: _Id
    app_open_id: _Id | None = None


class MenuReplyIn(RequestModel):
    """A level of the menu, as a card to tap or as numbered lines; 0 is the first level."""

    kind: Literal["menu"]
    title: Annotated[Text, Field(min_length=1, max_length=1000)]
    level: Annotated[int, Field(ge=0, le=100)] = 0
    form: Literal["card", "text"] = "card"


CardIn = Annotated[
    Annotated[ImageReplyIn, Tag("kind:image")]
    | Annotated[VideoReplyIn, Tag("kind:video")]
    | Annotated[LeadCardReplyIn, Tag("kind:lead_card")]
    | Annotated[GroupInvitationReplyIn, Tag("kind:group_invitation")]
    | Annotated[AppletCardReplyIn, Tag("kind:applet_card")]
    | Annotated[QuestionCardReplyIn, Tag("kind:question_card")]
    | Annotated[JumpCardReplyIn, Tag("kind:jump_card")]
    | Annotated[CouponReplyIn, Tag("kind:coupon")]
    | Annotated[GrantCardReplyIn, Tag("kind:grant_card")],
    Discriminator(by_kind),
]
ItemIn = Annotated[
    Annotated[TextReplyIn, Tag("kind:text")]
    | Annotated[ImageReplyIn, Tag("kind:image")]
    | Annotated[VideoReplyIn, Tag("kind:video")]
    | Annotated[LeadCardReplyIn, Tag("kind:lead_card")]
    | Annotated[GroupInvitationReplyIn, Tag("kind:group_invitation")]
    | Annotated[AppletCardReplyIn, Tag("kind:applet_card")]
    | Annotated[QuestionCardReplyIn, Tag("kind:question_card")]
    | Annotated[JumpCardReplyIn, Tag("kind:jump_card")]
    | Annotated[CouponReplyIn, Tag("kind:coupon")]
    | Annotated[GrantCardReplyIn, Tag("kind:grant_card")]
    | Annotated[MenuReplyIn, Tag("kind:menu")],
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
        "jump_card",
        "coupon",
        "grant_card",
        "menu",
    ]
    text: str
    content: dict[str, Any]


def item_of(given: RequestModel) -> Item:
    """The item that a person sends."""
    found = reply_of(given)
    if isinstance(found, MenuReply):  # its model is none of those that a person may send
        raise TypeError(found.kind)
    return found


def reply_of(given: RequestModel) -> Reply:
    """What a rule shall say."""
    return load_item(given.model_dump(by_alias=True))


def item_out(item: Reply) -> ReplyItemOut:
    """The item as people see it."""
    return ReplyItemOut(kind=item.kind, text=text_of(item) or "", content=content_of(item))
