"""Where webhooks may go."""

import socket

import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.jobs.hosts import AllowedHosts

HOSTS = AllowedHosts(["Hooks.example", "10.1.0.0/16", "127.0.0.1", "::1", "inside.example"])


@pytest.fixture
def found(monkeypatch):
    """What names resolve to."""
    addresses = []

    def look_up(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return addresses


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/a?b=c", "HTTP://HOOKS.EXAMPLE:8080", "http://10.1.2.3/x",
        "http://[::1]:9/x", "http://127.0.0.1:1",
    ],
)  # fmt: skip
def test_a_listed_host(url):
    assert HOSTS.check(url).hostname


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/", "https://hooks.example.evil/", "https://a.hooks.example/",
        "http://10.2.0.1/", "http://127.0.0.2/", "http://localhost/", "http://2130706433/",
        "http://0x7f.1/", "http://[::ffff:10.2.0.1]/", "file:///etc/passwd", "ftp://hooks.example/",
        "hooks.example", "", "http://", "http://[::1/", "http://hooks.example:port/",
        "http://hooks.example:0/", "http://user:word@hooks.example/", "http://hooks.example/a b",
        "http://hooks.example/\r\nHost: x", "http://hooks.example/\u00fc",
        "http://hooks.example/" + "x" * 2000, "http://hooks.example@other.example/",
    ],
)  # fmt: skip
def test_any_other_is_refused_by_its_field(url):
    with pytest.raises(InvalidRequest) as refused:
        HOSTS.check(url)
    assert refused.value.param == "webhook"


@pytest.mark.parametrize("address", ["93.184.215.14", "10.1.9.9", "127.0.0.1", "::ffff:10.1.0.1"])
def test_public_and_listed_addresses_are_connected_to(found, address):
    found.append(address)
    assert HOSTS.address_of(HOSTS.check("https://hooks.example/")) == (address, 443)
    assert HOSTS.address_of(HOSTS.check("http://hooks.example:81/")) == (address, 81)


@pytest.mark.parametrize(
    "address",
    [
        "10.2.0.1", "192.168.0.1", "172.16.0.1", "169.254.169.254", "127.0.0.2", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "fe80::1%eth0", "fd00::1", "::", "::ffff:192.168.0.1",
    ],
)  # fmt: skip
def test_a_listed_name_may_not_lead_to_a_private_address(found, address):
    found.append(address)
    with pytest.raises(OSError, match="private"):
        HOSTS.address_of(HOSTS.check("https://inside.example/"))
