"""Where webhooks may go: to the outside, and into a private network only where that was allowed.

An address is judged when it is known, at every connection: what a name meant a moment ago says nothing.
"""

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final
from urllib.parse import urlsplit

_PRIVATE: Final = tuple(
    ip_network(net)
    for net in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7"),
    )
)
# Nobody's receiver: this host, neighbours on the wire (where clouds keep credentials), tests, groups, the future.
_NEVER: Final = tuple(
    ip_network(net)
    for net in (
        *("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/32", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_GLOBAL_V6: Final = IPv6Network(
    "2000::/3"
)  # whatever lies outside is tunnelled, local or not given out
_PORTS: Final = frozenset({None, 443, 8443})
_WRITTEN: Final = re.compile(r"[\x21-\x7e]+")
_LABEL: Final = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)
_NAME_CHARS: Final = 253


def may_connect(address: str, *, is_private_allowed: bool) -> bool:
    """Whether a webhook may be sent to this address. What is no address may not."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if any(found in net for net in _PRIVATE):
        return is_private_allowed
    if isinstance(found, IPv6Address) and found not in _GLOBAL_V6:
        return False
    return not any(found in net for net in _NEVER)


def fault_of(url: str, *, is_private_allowed: bool) -> str | None:
    """Why this cannot be the URL of an endpoint; None: it can. Its name is looked up when something is sent."""
    if not _WRITTEN.fullmatch(url) or "\\" in url:
        return "must be ASCII without spaces; write other names as xn--…, other signs as %…"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "must be a URL"
    if parts.scheme != "https" and not (is_private_allowed and parts.scheme == "http"):
        return "must begin with https://"
    if "@" in parts.netloc or "#" in url:
        return "must have no user, no password and no fragment"
    if port == 0 or not (is_private_allowed or port in _PORTS):
        return "must have the port 443 or 8443"
    return _fault_of_host(parts.hostname or "", "[" in parts.netloc, is_private_allowed)


def _fault_of_host(host: str, is_v6: bool, is_private_allowed: bool) -> str | None:  # noqa: FBT001
    if is_v6 or _NUMBER.fullmatch(host):  # there are many ways to write an address; one is taken
        try:
            address = str(IPv6Address(host) if is_v6 else IPv4Address(host))
        except AddressValueError:
            return "must name its host, or write its address in the usual way"
        if not may_connect(address, is_private_allowed=is_private_allowed):
            return "must not lead to an address that is not public"
        return None
    if len(host) > _NAME_CHARS or not _NAME.fullmatch(host):
        return "must name a host"
    if not is_private_allowed and (host == "localhost" or host.endswith(".localhost")):
        return "must not lead to an address that is not public"
    return None
