"""Files that cost far more than they weigh, or say what is not true."""

import struct
import zlib

from tests.images import encoded, sketch


def chunk(kind: bytes, data: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*before: bytes, size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG with chunks between its header and its pixels."""
    data = encoded(sketch(*size))
    return data[:33] + b"".join(before) + data[33:]


def jpeg(*before: bytes, **options: object) -> bytes:
    """A JPEG with segments behind its first two bytes."""
    data = encoded(sketch(40, 30), "JPEG", **options)
    return data[:2] + b"".join(before) + data[2:]


def jpeg_scans(count: int, **options: object) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(sketch(40, 30), "JPEG", progressive=True, **options)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


def gif(*before: bytes) -> bytes:
    """A GIF with blocks before its image."""
    data = encoded(sketch(40, 30), "GIF")
    start = 13 + (3 << (data[10] & 7) + 1)
    return data[:start] + b"".join(before) + data[start:]


def tiff(entries: list[tuple[int, int, int, int]], behind: bytes = b"", big: bool = False) -> bytes:
    """A little-endian TIFF of these entries (tag, kind, count, value); `behind` follows."""
    if big:
        head = b"II+\x00" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<Q", len(entries))
        return head + b"".join(struct.pack("<HHQQ", *each) for each in entries) + bytes(8) + behind
    head = b"II*\x00" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(struct.pack("<HHII", *each) for each in entries) + bytes(4) + behind


def tiled_tiff(side: int, tile: int) -> bytes:
    """A grey square of `side` pixels in one tile, deflated."""
    deflate = zlib.compressobj(1)
    row = bytes(tile)
    packed = b"".join(deflate.compress(row) for _ in range(tile)) + deflate.flush()
    entries = [
        (256, 3, 1, side), (257, 3, 1, side), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
        (277, 3, 1, 1), (322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, 0),
        (325, 4, 1, len(packed)),
    ]  # fmt: skip
    start = len(tiff(entries))
    entries[8] = (324, 4, 1, start)
    return tiff(entries, packed)
