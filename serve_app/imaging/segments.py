"""Walks through the parts that an image file is made of, in bounded work.

Pillow reads such parts in Python, one by one: a megabyte of empty ones keeps an event loop, or all
threads of a replica, busy for a third of a second. Every walk here raises InvalidImage after
`MAX_PARTS`, which honest files stay far below, and passes over what lies between parts in C.
"""

import re
import struct
from collections.abc import Iterator

from serve_app.errors import InvalidImage

MAX_PARTS = 10_000
Part = tuple[int, int, int]
"""What it is (JPEG: the marker; GIF: the introducer or extension), its first byte, its end."""

# Neither a stuffed 0xFF of a scan, nor a fill byte, nor RST0 to RST7 between a scan's rows.
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_END = 0xD9
_ALONE = (0x01, 0xD8)  # markers without a length: TEM, SOI


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """From behind the first two bytes up to the end marker, or to wherever the data end.

    A scan's segment is its header alone.
    """
    at = 2
    for _ in _counted("JPEG segments"):
        found = _MARKER.search(data, at)
        if not found:
            return
        marker, begin = found[1][0], found.start()
        if marker == _END:
            return
        at = begin + 2
        if marker not in _ALONE:
            at += _unpacked(">H", data, at)
            yield marker, begin, at


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's type, first byte and end, which may be behind the data's."""
    at = 8
    for _ in _counted("PNG chunks"):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        yield kind, at, end
        at = end


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's type, and where its content begins and ends."""
    at = 12
    for _ in _counted("WebP chunks"):
        if at + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + 8, at + 8 + length
        at += 8 + length + length % 2


def gif_blocks(data: bytes, at: int) -> Iterator[Part]:
    """Extensions, by their label, and the first image, 0x2C, with which it ends."""
    steps = _counted("GIF blocks")
    for _ in steps:
        introducer, begin = _byte(data, at), at
        if introducer == 0x2C:
            yield introducer, begin, len(data)
            return
        if introducer == 0x3B:
            return
        at += 1
        if introducer == 0x21:
            label = _byte(data, at)
            at += 1
            while size := _byte(data, at):
                at += 1 + size
                next(steps)
            at += 1
            yield label, begin, at


def _counted(what: str) -> Iterator[int]:
    yield from range(MAX_PARTS)
    raise InvalidImage(f"the image has more than {MAX_PARTS} {what}")


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise InvalidImage("the image is truncated")
    return data[at]


def _unpacked(form: str, data: bytes, at: int) -> int:
    if at + struct.calcsize(form) > len(data):
        raise InvalidImage("the image is truncated")
    return int(struct.unpack_from(form, data, at)[0])
