"""One hostile request as the bytes that go over the wire."""

import random
from collections.abc import Callable
from dataclasses import dataclass

JSON = "application/json"


@dataclass(frozen=True)
class Case:
    """`repeats` of `tail` follow `wire`, which is for what is too large to hold.

    `is_http` says that it is proper HTTP: then the answer is the service's own, and keeps to its
    contract. What is not may be refused by the server in its own words, or not answered at all.
    """

    kind: str
    path: str
    wire: bytes
    tail: bytes = b""
    repeats: int = 0
    is_http: bool = True


Draw = Callable[[random.Random], Case]


def post(kind: str, path: str, body: bytes, content_type: str | None = None, *headers: str) -> Case:
    """A proper POST; `headers` are whole lines."""
    typed = [f"Content-Type: {content_type}"] if content_type else []
    return Case(kind, path, head("POST", path, *typed, *headers, length=len(body)) + body)


def head(method: str, path: str, *headers: str, length: int | None = None) -> bytes:
    """The request line and headers, in latin-1."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
