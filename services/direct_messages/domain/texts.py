"""Texts of fans and shops: storable, comparable, free of links that lead away."""

import re
import sys
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import re2

from services.direct_messages.domain.characters import simplified

# after folding: full width is half width, and every dot that browsers take for one is one
_LINK = re2.compile(r"(?:[a-z][a-z0-9+.-]*://|\bwww\.)(?:[^\s/?#@]*@)?([^\s/?#:，；、]+)")
# a host without a scheme, as chats make links of it: a name, then a domain that shops and swindlers use
_BARE = re2.compile(
    r"(?:^|[^a-z0-9@._-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?:com|cn|net|org|top|xyz|shop|vip|cc|io|me|info|site|online|club|ltd|store|app|link|ink|fun|tech"
    r"|wang|live|tv|biz|asia|mobi|pro|co|ly|gl|la|im|to|us|hk|tw|jp|uk|de|ru|eu|in|ai|dev|edu|gov))\b"
)
_DOTS = str.maketrans(dict.fromkeys("。．｡", "."))
# what people put between characters or behind words and do not mean: spaces, punctuation, joints
_MEANT: Final = frozenset("%@#&")
_SEPARATORS: Final = "".join(
    re.escape(c)
    for c in map(chr, range(sys.maxunicode + 1))
    if (
        unicodedata.category(c)[0] in "PZ" or unicodedata.category(c) in {"Cf", "Cc"} or c in "~^`|"
    )
    and c not in _MEANT
)
_RUN: Final = re.compile(f"[{_SEPARATORS}]+")
_EDGES: Final = re.compile(r"^[\W_]+|[\W_]+$")
_OWN_HOSTS = ("douyin.com", "iesdouyin.com")  # links that stay on the platform


def clean(text: str) -> str:
    """The text as PostgreSQL can hold it: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def normalise(text: str) -> str:
    """What two texts are compared by: full width is half width, case and outer space are nothing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if not folded.isascii():
        folded = unicodedata.normalize("NFKC", folded)  # folding may undo the form
    return folded.strip()


class Form(IntEnum):
    """How texts are compared. A decision names its form, so that it can be made again for ever."""

    PLAIN = 1  # full width is half width, case is nothing
    CHINESE = 2  # and traditional is simplified, and what stands between characters is nothing


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as rules look at it."""

    plain: str  # for patterns: everything that was said
    words: str  # for keywords: without what separates
    bare: str  # for exact keywords, if `words` is none: without emoji around it


def reading(text: str, form: Form) -> Reading:
    """The text in this form."""
    plain = normalise(text)
    if form is Form.PLAIN:
        return Reading(plain, plain, plain)
    plain = simplified(plain)
    if plain.isalnum():
        return Reading(plain, plain, plain)
    words = _RUN.sub(_joined, plain) or plain
    return Reading(plain, words, words if words.isalnum() else _EDGES.sub("", words) or words)


def is_mark(keyword: str, form: Form) -> bool:
    """Whether it is made of nothing but what a reading's words leave out: "?" is."""
    return form is not Form.PLAIN and _RUN.fullmatch(keyword) is not None


def _joined(found: re.Match[str]) -> str:
    """What stays of separators: nothing at an edge or beside a Chinese character, else one space."""
    text, start, end = found.string, found.start(), found.end()
    if start == 0 or end == len(text) or text[start - 1] > "\u2e7f" or text[end] > "\u2e7f":
        return ""
    return " "


def has_external_link(text: str, allowed: tuple[str, ...] = ()) -> bool:
    """Whether the text holds a link, or a bare host, that leads away: to no host of `allowed`."""
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")  # no zero-width joints
    folded = normalise(seen).translate(_DOTS)
    hosts = [found.group(1) for found in _LINK.finditer(folded)]
    hosts += [found.group(1) for found in _BARE.finditer(folded)]
    own = (*_OWN_HOSTS, *allowed)
    return any(not _is_one_of(host.rstrip("."), own) for host in hosts)


def _is_one_of(host: str, own: tuple[str, ...]) -> bool:
    return any(host == one or host.endswith("." + one) for one in own)
