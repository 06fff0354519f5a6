"""What a PNG file says of itself: its text, its size, its pixels; without an image library."""

import struct
import zlib
from collections.abc import Callable, Iterator

from serve_app.client.files import BadInput

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def text_of(data: bytes, keyword: str) -> str | None:
    """The text of this keyword, None where there is none. Raises BadInput for what is no PNG."""
    for kind, content in _chunks(data):
        if kind in _READERS:
            found, _, rest = content.partition(b"\0")
            if found == keyword.encode("latin-1"):
                try:
                    return _READERS[kind](rest)
                except (ValueError, IndexError, zlib.error) as error:
                    raise BadInput(f"its text {keyword!r} is damaged") from error
    return None


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height. Raises BadInput."""
    for kind, content in _chunks(data):
        if kind == b"IHDR" and len(content) == 13:
            width, height = struct.unpack_from(">II", content)
            return width, height
    raise BadInput("not a PNG file: it has no header")


def same_pixels(one: bytes, other: bytes) -> bool:
    """Whether two PNGs hold the same pixels, as one version of this service encodes them: the same
    header and, inflated, the same scan lines. Raises BadInput."""
    return _pixels(one) == _pixels(other)


def _pixels(data: bytes) -> tuple[bytes, bytes]:
    chunks = list(_chunks(data))
    header = next((content for kind, content in chunks if kind == b"IHDR"), b"")
    lines = b"".join(content for kind, content in chunks if kind == b"IDAT")
    try:
        return header, zlib.decompress(lines)
    except zlib.error as error:
        raise BadInput("its pixels are damaged") from error


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(_SIGNATURE):
        raise BadInput("not a PNG file")
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _international(rest: bytes) -> str:
    compressed, (_, _, text) = rest[0], rest[2:].split(b"\0", 2)
    return (zlib.decompress(text) if compressed else text).decode()


_READERS: dict[bytes, Callable[[bytes], str]] = {
    b"tEXt": lambda rest: rest.decode("latin-1"),
    b"zTXt": lambda rest: zlib.decompress(rest[1:]).decode("latin-1"),
    b"iTXt": _international,
}
