"""Where webhooks may go: hosts that the configuration lists, and no private address unless listed.

An address is checked after the name is resolved, and the connection is made to that very address,
so that a name cannot lead elsewhere in between.
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from serve_app.errors import InvalidRequest

_LONGEST = 2000
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AllowedHosts:
    """`entries` are host names, addresses, and networks as 10.1.0.0/16."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._names = set()
        self._networks = []
        for entry in entries:
            try:
                self._networks.append(ipaddress.ip_network(entry.strip("[]")))
            except ValueError:
                self._names.add(entry.lower())

    def check(self, url: str) -> SplitResult:
        """The parts of a URL at a listed host. Raises InvalidRequest for any other."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if host is None or parts.scheme not in ("http", "https") or port == 0:
            raise InvalidRequest("not a URL of http or https").about("webhook")
        if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidRequest(f"at most {_LONGEST} ASCII characters, without spaces").about(
                "webhook"
            )
        if parts.username is not None or parts.password is not None:
            raise InvalidRequest("no user and no password: webhooks are signed").about("webhook")
        if host not in self._names and not self._is_listed(_as_address(host)):
            message = f"webhooks may not go to {host}: it is not listed in args.jobs.webhook_hosts"
            raise InvalidRequest(message).about("webhook")
        return parts

    def address_of(self, parts: SplitResult) -> tuple[str, int]:
        """The address and port to connect to; looks the name up, which takes a while.

        Raises OSError where there is none that webhooks may go to.
        """
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        for *_, place in found:
            address = _as_address(str(place[0]))
            if address and (_is_public(address) or self._is_listed(address)):
                return str(place[0]), port
        raise OSError("the host has a private address, which is not listed")

    def _is_listed(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def _as_address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address
