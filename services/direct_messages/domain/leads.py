"""What a fan leaves to be called back: a phone number, a WeChat id, a card that was filled in."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from services.direct_messages.domain.cities import CITIES

_MOST_CHARS: Final = 2_000  # nobody hides a number behind more; the platform allows 1,000
_MOST_ANSWERS: Final = 20
_VALUE_CHARS: Final = 500

# most messages hold none of this: they are told apart by one look (full width counts as a digit, too)
_HINT = re.compile(
    r"\d\d|微信|[薇威徽vｖ]信|加[薇微vｖ]|[wvｗｖ][xｘ]|wechat|weixin", re.IGNORECASE
)
# mainland mobile numbers, grouped as people group them; never a part of a longer number
_PHONE = re.compile(
    r"(?<![\d*])(?:(?:\+|00)?86[ -]?)?(1[3-9]\d(?:\d{8}|[ .-]\d{4}[ .-]\d{4}))(?![\d*])"
)
_MASKED = re.compile(r"(?<!\d)1[3-9]\d\*{4}\d{4}(?!\d)")
_WECHAT = re.compile(
    r"(?:(?:微信|[薇威徽v]信|加[薇微v])(?:号码?|id)?(?:是|为|叫)?[ :]*"
    # after Latin letters something must come between, or it is one word
    r"|(?<![a-z0-9])(?:wx|vx|wechat|weixin)(?:号码?|id)?[是为叫 :]+)"
    r"([a-z][a-z0-9_-]{5,19})(?![a-z0-9_-])",
    re.IGNORECASE,
)
_SAME_NUMBER = re.compile(
    r"(?:微信|[薇威徽v]信|wx|vx).*(?:同号|同步|手机号)|(?:微信|v信|wx|vx)同", re.IGNORECASE
)
_CITY = re.compile("|".join(sorted(CITIES, key=len, reverse=True)))
_LABELS: Final[Mapping[str, str]] = {
    "姓名": "name",
    "称呼": "name",
    "名字": "name",
    "手机": "phone",
    "手机号": "phone",
    "手机号码": "phone",
    "电话": "phone",
    "电话号码": "phone",
    "联系电话": "phone",
    "联系方式": "phone",
    "微信": "wechat",
    "微信号": "wechat",
    "城市": "city",
    "所在城市": "city",
    "地区": "city",
}


class Source(StrEnum):
    """How a fan left her contact."""

    LEAD_CARD = "lead_card"
    TEXT = "text"
    FLOW = "flow"  # answers to the questions of a rule


@dataclass(frozen=True, slots=True)
class Contact:
    """How a fan may be reached. Personal: sealed wherever it is kept or carried.

    `phone` is E.164 and complete. `masked_phone` is what the platform shows of a number: nobody can
    be called, or recognised, by it.
    """

    source: Source
    name: str | None = None
    phone: str | None = None
    masked_phone: str | None = None
    wechat: str | None = None
    city: str | None = None
    more: tuple[tuple[str, str], ...] = ()  # what else a card asked for: (label, value)


def contact_of(text: str | None, content: Mapping[str, Any] | None) -> Contact | None:
    """The contact that a message leaves, if any."""
    if content and "answers" in content:
        return _of_card((one["label"], one["value"]) for one in content["answers"])
    return _of_text(text) if text else None


def _of_text(text: str) -> Contact | None:
    if not _HINT.search(text):
        return None
    seen = _plain(text)
    phone = _phone_in(seen)
    wechat = _wechat_in(seen, phone)
    if phone is None and wechat is None:
        return None
    city = _CITY.search(seen)
    return Contact(Source.TEXT, phone=phone, wechat=wechat, city=city.group() if city else None)


def _of_card(answers: Iterable[tuple[str, str]]) -> Contact | None:
    known: dict[str, str] = {}
    more: list[tuple[str, str]] = []
    for label, value in list(answers)[:_MOST_ANSWERS]:
        answer = value.strip()[:_VALUE_CHARS]
        name = _LABELS.get(_plain(label).strip(" :*"))
        if name and answer:
            known.setdefault(name, answer)
        elif answer:
            more.append((label[:_VALUE_CHARS], answer))
    told = _plain(known.pop("phone", ""))
    masked = _MASKED.search(told)
    found = Contact(
        Source.LEAD_CARD,
        phone=_phone_in(told),
        masked_phone=masked.group() if masked else None,
        more=tuple(more),
        **known,
    )
    return found if found != Contact(Source.LEAD_CARD) else None


def _plain(text: str) -> str:
    """As people read it: full width is half width, and nothing that cannot be seen."""
    folded = unicodedata.normalize("NFKC", text[:_MOST_CHARS])
    return "".join(c for c in folded if unicodedata.category(c) != "Cf")


def _phone_in(text: str) -> str | None:
    found = _PHONE.search(text)
    return f"+86{re.sub(r'[^0-9]', '', found.group(1))}" if found else None


def _wechat_in(text: str, phone: str | None) -> str | None:
    found = _WECHAT.search(text)
    if found:
        return found.group(1)
    return phone.removeprefix("+86") if phone and _SAME_NUMBER.search(text) else None
