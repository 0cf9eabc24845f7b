"""No webhook goes into a private network, however its address is spelled, unless that was allowed."""

import pytest

from services.open_platform.domain.destinations import fault_of, may_connect

PRIVATE = (
    *("127.0.0.1", "127.255.0.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "::1", "fc00::1", "fdff::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
)
NEVER = (
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "192.0.0.8", "192.0.2.1", "192.88.99.1"),
    *("198.18.0.1", "198.51.100.7", "203.0.113.5", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1"),
    *("2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fe80::1", "fe80::1%eth0"),
    *("fec0::1", "ff02::1", "::ffff:169.254.169.254", "", "localhost", "2130706433"),
)
PUBLIC = ("93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_connected_to_only_where_that_is_allowed(address: str) -> None:
    assert not may_connect(address, is_private_allowed=False)
    assert may_connect(address, is_private_allowed=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_nobodys_receiver(address: str) -> None:
    assert not may_connect(address, is_private_allowed=False)
    assert not may_connect(address, is_private_allowed=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_to(address: str) -> None:
    assert may_connect(address, is_private_allowed=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/siyu",
        "https://hooks.example:8443/siyu?tenant=1&b=%20",
        "https://xn--fiq228c.example/",
        "https://a_b.example",
        "https://93.184.216.34/x",
        "https://[2606:2800:220:1:248:1893:25c8:1946]:443/x",
    ],
)
def test_a_public_url_is_taken(url: str) -> None:
    assert fault_of(url, is_private_allowed=False) is None


@pytest.mark.parametrize(
    "url",
    [
        *(f"https://{host}/x" for host in ("127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "0")),
        *(f"https://{host}/x" for host in ("2130706433", "0x7f000001", "017700000001", "127.0.1")),
        *(
            f"https://{host}/x"
            for host in ("①②⑦.⓪.⓪.①", "127。0。0。1", "127.0.0.1.", "%31.example")
        ),
        *(f"https://{host}/x" for host in ("[::1]", "[::]", "[::ffff:127.0.0.1]", "[fe80::1%25e]")),
        *(f"https://{host}/x" for host in ("[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[v1.x]", "[")),
        *(f"https://{host}/x" for host in ("localhost", "LOCALHOST", "a.localhost", "10.0.0.1")),
        *(f"https://{host}/x" for host in ("169.254.169.254", "-a.example", "a..example")),
        "http://hooks.example/x",
        "https://a@127.0.0.1/",
        "https://user:word@hooks.example/",
        "https://hooks.example#@127.0.0.1/",
        "https://127.0.0.1\\@hooks.example/",
        "https://hooks.example/\r\nHost: inside",
        "https://hooks.example/a b",
        "https://hooks.example:6379/",
        "https://hooks.example:5432/",
        "https://hooks.example:80/",
        "https://hooks.example:99999/",
        "https://hooks.example:x/",
        "https://hooks.example:0/",
        "https:///x",
        "https:/hooks.example/x",
        "//hooks.example/x",
        "gopher://hooks.example/x",
        "file:///etc/passwd",
        "unix:/run/postgresql",
        "hooks.example",
        "",
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(url: str) -> None:
    assert fault_of(url, is_private_allowed=False)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/x", "http://localhost:9000/x", "https://10.1.2.3/x"]
)
def test_private_networks_may_be_allowed(url: str) -> None:
    assert fault_of(url, is_private_allowed=True) is None


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data", "http://0/", "http://127.1/", "ftp://a/"]
)
def test_and_that_allows_no_other_tricks(url: str) -> None:
    assert fault_of(url, is_private_allowed=True)
