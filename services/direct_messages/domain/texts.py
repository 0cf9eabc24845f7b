"""Texts of fans and shops: storable, comparable, free of links that lead away."""

import unicodedata

import re2

# after folding: full width is half width, and every dot that browsers take for one is one
_LINK = re2.compile(r"(?:[a-z][a-z0-9+.-]*://|\bwww\.)(?:[^\s/?#@]*@)?([^\s/?#:，；、]+)")
# a host without a scheme, as chats make links of it: a name, then a domain that shops and swindlers use
_BARE = re2.compile(
    r"(?:^|[^a-z0-9@._-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?:com|cn|net|org|top|xyz|shop|vip|cc|io|me|info|site|online|club|ltd|store|app|link|ink|fun|tech"
    r"|wang|live|tv|biz|asia|mobi|pro|co|ly|gl|la|im|to|us|hk|tw|jp|uk|de|ru|eu|in|ai|dev|edu|gov))\b"
)
_DOTS = str.maketrans(dict.fromkeys("。．｡", "."))
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
    """Whether the text holds a link, or a bare host, that leads away from the platform."""
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")  # no zero-width joints
    folded = normalise(seen).translate(_DOTS)
    hosts = [found.group(1) for found in _LINK.finditer(folded)]
    hosts += [found.group(1) for found in _BARE.finditer(folded)]
    return any(not _is_own(host.rstrip(".")) for host in hosts)


def _is_own(host: str) -> bool:
    return any(host == own or host.endswith("." + own) for own in _OWN_HOSTS)
