"""Whose web pages may use the service, and under which names it is reached.

A browser lets any page post to any address, one on its user's own machine too, and a page whose
name is made to point there (DNS rebinding) may even read the answers. What is not a browser sends
no `Origin`, and passes by its host alone.
"""

import ipaddress
import socket

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.config import AppArgs
from serve_app.errors import Forbidden
from serve_app.ingress.middleware.seldom import Seldom
from serve_app.ingress.middleware.special_paths import FILES, PROBES
from serve_app.ingress.problems import problem
from serve_app.observability import log_event

# Reserved: nobody can register a name below them.
_PRIVATE = (".localhost", ".local", ".internal", ".svc", ".home.arpa")
_LONGEST = 300  # characters of a name with its port, of which a host has at most 253


class OriginCheck:
    """ASGI middleware: a page of a foreign origin, or an unknown host, is answered 403.

    Before the body is read. `args.cors_origins` and `args.allowed_hosts` say what is known.
    """

    def __init__(self, app: ASGIApp, args: AppArgs) -> None:
        self._app = app
        self._origins = set(args.cors_origins)
        self._hosts = [name.lower() for name in args.allowed_hosts or []]
        self._any_host = "*" in self._hosts
        self._by_default = args.allowed_hosts is None
        # A foreign page has no key to send along.
        self._any_host |= self._by_default and args.auth is not None
        self._own_name = socket.gethostname().lower()
        self._lines = Seldom()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope["path"]):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if not self._is_known(_name_of(host)):
            reason, setting = "the service is not known by this host", "args.allowed_hosts"
        elif not self._may_ask(scope["method"], headers, host, origin, preflight):
            reason, setting = "web pages of this origin may not call", "args.cors_origins"
        else:
            return await self._app(scope, receive, send)
        self._log(host, origin, preflight, setting)
        await problem(Forbidden(f"{reason}: see {setting}"))(scope, receive, send)

    def _log(self, host: str, origin: str | None, preflight: bool, setting: str) -> None:
        """Who was refused, and the setting that would let them in: of a preflight the browser tells
        its user less."""
        who = {"host": host[:_LONGEST], "origin": (origin or "")[:_LONGEST] or None}
        if self._lines.lets((setting, preflight, *who.values())):
            log_event("refused", **who, preflight=preflight or None, setting=setting)

    def _is_known(self, name: str) -> bool:
        if self._any_host:
            return True
        if self._by_default:
            return _is_private(name) or name == self._own_name
        return self._is_listed(name)

    def _is_listed(self, name: str) -> bool:
        return any(
            name.endswith(listed[1:]) if listed.startswith("*.") else name == listed
            for listed in self._hosts
        )

    def _may_ask(
        self, method: str, headers: Headers, host: str, origin: str | None, preflight: bool
    ) -> bool:
        site = headers.get("sec-fetch-site")
        if origin is None:
            # A link to the page from elsewhere is followed; anything else needs a listed origin.
            follows = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
            return site != "cross-site" or follows
        origin = origin.lower()
        if "*" in self._origins or origin in self._origins:
            return True
        if preflight:  # no browser sends one to its page's own origin
            return False
        scheme, _, netloc = origin.partition("://")
        if scheme not in ("http", "https") or len(netloc) > _LONGEST:
            return False
        # Behind a proxy the host may be another one than the page's: then the name is listed.
        name = _name_of(netloc)
        return _without_usual_port(netloc) == _without_usual_port(host.lower()) or (
            self._is_listed(name)
        )


def _is_open(path: str) -> bool:
    return path in PROBES or path.startswith(FILES)


def _name_of(netloc: str) -> str:
    """A host without its port; IPv6 addresses are in brackets. Empty where there is none."""
    if len(netloc) > _LONGEST:
        return ""
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0]
    return netloc.partition(":")[0].rstrip(".").lower()


def _is_private(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(_PRIVATE))
    return True


def _without_usual_port(netloc: str) -> str:
    return netloc.removesuffix(":80").removesuffix(":443")
