"""What descriptions of routes share in `/openapi.json`: pictures, headers, examples.

Errors are described in `problems.py`, and the document as a whole in `document.py`.
"""

import struct
from typing import Any

# A disc of 16x16 pixels.
TINY_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQAQAAAAA3iMLMAAAAL0lEQVR42mP8z8DEwMDEwMDwx57p"
    "zwOmHx+YPvyAiDAxMDAJcDBxCDCxKDDClAEAHwQJVh6rMIUAAAAASUVORK5CYII="
)


def _bmp(red: int, green: int, blue: int) -> str:
    """4x4 pixels of this colour, whose every byte is ASCII: so a picture's bytes go into JSON."""
    header = struct.pack("<2sIII IiiHHIIiiII", b"BM", 102, 0, 54, 40, 4, 4, 1, 24, *[0] * 6)
    return (header + bytes([blue, green, red] * 16)).decode("ascii")


RED_BMP, BLUE_BMP = _bmp(112, 0, 0), _bmp(0, 0, 112)

BINARY: dict[str, Any] = {"type": "string", "format": "binary"}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "the request's id in the log: the client's own, if it sent one",
        "required": True,
        "schema": {"type": "string"},
    },
    "Server-Timing": {
        "description": "milliseconds of each stage, as `queue;dur=1.2, generate;dur=345.6`",
        "schema": {"type": "string"},
    },
    "X-Warnings": {
        "description": "fields that are unknown or have no effect, where there are some",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "seconds after which to try again, computed from the work ahead",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-Should-Retry": {
        "description": "`false`: all of the work would be done again",
        "schema": {"type": "string", "enum": ["false"]},
    },
    "WWW-Authenticate": {
        "description": "how a key may be sent",
        "required": True,
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "the path of the job",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Preference-Applied": {
        "description": "`respond-async` (RFC 7240)",
        "required": True,
        "schema": {"type": "string"},
    },
}
"""Of answers, by name."""


def headers(*names: str) -> dict[str, Any]:
    """The `headers` of a response."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


TIMED: dict[str, Any] = {"headers": headers("Server-Timing", "X-Warnings")}
"""Part of a response that a stage worked for."""


def images(*formats: str) -> dict[str, Any]:
    """The `content` of a response that is one picture."""
    return {f"image/{each}": {"schema": BINARY} for each in formats}


def examples(**values: Any) -> dict[str, Any]:
    """The `examples` of a body, by what they show; an underscore stands for a space."""
    return {name.replace("_", " "): {"value": value} for name, value in values.items()}
