"""API-key authentication, which is on only if `args.auth` is configured."""

import hashlib
import hmac
import os
import re
from base64 import b64decode
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.config import Auth
from serve_app.errors import Unauthorized
from serve_app.ingress.middleware.special_paths import FILES, PAGE, PAGE_FILES, PROBES
from serve_app.ingress.problems import problem

_HASH = re.compile(r"[0-9a-f]{64}")


def read_hashes(auth: Auth) -> list[bytes]:
    """The SHA-256 hashes of the keys, in hexadecimal. Raises ValueError where there are none.

    From the file, one hash per line, optionally followed by its owner's name; or from the
    environment variable, comma-separated.
    """
    if auth.keys_file is not None:
        entries = Path(auth.keys_file).read_text().splitlines()
    else:
        entries = os.environ.get(auth.keys_variable or "", "").split(",")
    hashes = [entry.split()[0].lower() for entry in entries if entry.strip()]
    wrong = [number for number, each in enumerate(hashes, 1) if not _HASH.fullmatch(each)]
    if wrong or not hashes:
        raise ValueError(f"auth: no SHA-256 hash in entry {wrong[0] if wrong else 1}")
    return [each.encode() for each in hashes]


class KeyCheck:
    """ASGI middleware: a request without a known key is answered 401, before its body is read.

    The key comes as `Authorization: Bearer KEY`, or as the password of Basic authentication, which
    is how a browser asks its user for it.
    """

    def __init__(self, app: ASGIApp, hashes: list[bytes]) -> None:
        self._app = app
        self._hashes = hashes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]) or self._known(scope):
            return await self._app(scope, receive, send)
        response = problem(no_key())
        response.headers["WWW-Authenticate"] = 'Bearer, Basic realm="images", charset="UTF-8"'
        await response(scope, receive, send)

    def _known(self, scope: Scope) -> bool:
        authorization = Headers(scope=scope).get("authorization", "")
        scope["key_hash"] = _hash_of(authorization)
        return is_known(authorization, self._hashes)


def is_known(authorization: str, hashes: list[bytes]) -> bool:
    """Whether a header `Authorization`, empty where there is none, holds a known key."""
    found = _hash_of(authorization).encode()
    # Compare with every hash, each in constant time, so that timing reveals nothing.
    return any([hmac.compare_digest(found, known) for known in hashes])


def no_key() -> Unauthorized:
    """What a request without a known key is told."""
    return Unauthorized("an API key is needed, and this request has no valid one")


def owner_of(scope: Scope) -> str:
    """Whose request it is, by the hash of its key; empty where no keys are asked for."""
    owner: str = scope.get("key_hash", "")
    return owner


def _hash_of(authorization: str) -> str:
    return hashlib.sha256(_key(authorization)).hexdigest()


def is_open(path: str) -> bool:
    return path in PROBES or path == PAGE or path.startswith((PAGE_FILES, FILES))


def _key(authorization: str) -> bytes:
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "basic":
        try:
            return b64decode(value, validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return value.strip().encode() if kind.lower() == "bearer" else b""
