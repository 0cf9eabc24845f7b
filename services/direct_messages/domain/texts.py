"""Texts of fans and shops: storable, comparable, free of links that lead away."""

import unicodedata

import re2

_LINK = re2.compile(r"(?i)(?:https?://|\bwww\.)([^\s/?#:，。；、]+)")
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


def has_external_link(text: str) -> bool:
    """Whether the text holds a web link that leads away from the platform."""
    hosts = (found.group(1).lower().rstrip(".") for found in _LINK.finditer(text))
    return any(not _is_own(host) for host in hosts)


def _is_own(host: str) -> bool:
    return any(host == own or host.endswith("." + own) for own in _OWN_HOSTS)
