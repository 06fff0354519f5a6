"""Image files of every accepted format, broken in every way that a seed draws."""

import base64
import io
import json
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from loadtest.hostile.case import JSON, Case, post
from loadtest.routes import sketch

_PATHS = (
    "/v1/canny", "/v1/captions", "/caption", "/v1/classify", "/v1/upscale?scale=2",
)  # fmt: skip
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


def draw(rng: random.Random) -> Case:
    """An image to one of the routes that take one."""
    kind, change = rng.choice(_CHANGES)
    data = change(rng, rng.choice(_honest()))
    return sent(rng, f"image {kind}", data)


def sent(rng: random.Random, kind: str, data: bytes) -> Case:
    """An image raw, in JSON, or in the Open Inference Protocol's binary data."""
    way = rng.random()
    if way < 0.7:
        return post(kind, rng.choice(_PATHS), data, rng.choice(("image/png", "text/plain", JSON)))
    if way < 0.85:
        body = json.dumps({"image": base64.b64encode(data).decode()}).encode()
        return post(kind, "/v1/captions", body, JSON)
    raw = struct.pack("<I", len(data)) + data
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1],
              "parameters": {"binary_data_size": len(raw)}}  # fmt: skip
    header = json.dumps({"inputs": [tensor]}).encode()
    length = f"Inference-Header-Content-Length: {len(header)}"
    return post(kind, "/v2/models/caption/infer", header + raw, None, length)


@cache
def _honest() -> list[bytes]:
    """Small files of every format and mode."""
    picture = Image.open(io.BytesIO(sketch(64)))
    frames = {"save_all": True, "append_images": [picture.rotate(90), picture.rotate(180)]}
    deep = picture.convert("I").point(lambda value: value * 256).convert("I;16")
    tall = picture.resize((1, 4000))
    saved = [
        (picture, "PNG", {}), (picture.convert("RGBA"), "PNG", {}),
        (picture.convert("P"), "PNG", {}), (picture.convert("1"), "PNG", {}), (deep, "PNG", {}),
        (picture, "PNG", frames),
        (tall, "PNG", {}), (picture, "JPEG", {}), (picture, "JPEG", {"progressive": True}),
        (picture.convert("CMYK"), "JPEG", {}), (picture.convert("L"), "JPEG", {}),
        (picture, "WEBP", {}), (picture, "WEBP", {"lossless": True}), (picture, "WEBP", frames),
        (picture, "GIF", {}), (picture, "GIF", frames), (picture, "BMP", {}),
        (picture.convert("P"), "BMP", {}), (picture, "TIFF", {}), (deep, "TIFF", {}),
        (picture.convert("F"), "TIFF", {}), (picture.convert("CMYK"), "TIFF", {}),
        (picture, "TIFF", {"compression": "tiff_lzw"}),
        (picture, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (picture, "TIFF", {"compression": "jpeg"}), (picture, "TIFF", {"big_tiff": True}),
        (picture, "PPM", {}), (picture, "TGA", {}),
    ]  # fmt: skip
    return [_encoded(*each) for each in saved]


def _encoded(image: Image.Image, name: str, options: dict[str, object]) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def _truncated(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _flipped(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 10, 100))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _lying(rng: random.Random, data: bytes) -> bytes:
    """Extreme numbers where the sizes, counts and offsets of headers stand."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        form = rng.choice(("<B", "<H", ">H", "<I", ">I"))
        value = rng.choice(_EXTREMES) & (1 << 8 * struct.calcsize(form)) - 1
        at = rng.randrange(min(len(data), rng.choice((32, 64, 300))) - 4)
        struct.pack_into(form, changed, at, value)
    return bytes(changed)


def _shuffled(rng: random.Random, data: bytes) -> bytes:
    """Pieces moved, repeated, left out, or of another file."""
    cuts = sorted(rng.randrange(len(data)) for _ in range(3))
    other = rng.choice(_honest())
    pieces = [data[: cuts[0]], data[cuts[0] : cuts[1]], data[cuts[1] : cuts[2]], data[cuts[2] :]]
    pieces += [other[rng.randrange(len(other)) :], rng.randbytes(rng.randrange(1, 100))]
    return pieces[0] + b"".join(rng.choices(pieces, k=rng.randint(1, 5)))


def _stuffed(rng: random.Random, data: bytes) -> bytes:
    """Thousands of empty or inflating parts in a PNG, a JPEG or a GIF."""
    count = rng.choice((1, 100, 10_000, 200_000))
    if rng.random() < 0.4:
        kind = rng.choice((b"teSt", b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"PLTE", b"IHDR"))
        content = rng.choice((b"", b"a\x00\x00" + zlib.compress(bytes(10**6)), rng.randbytes(30)))
        parts = min(count, 4_000_000 // (12 + len(content))) * _chunk(kind, content)
        return _encoded(Image.new("RGB", (64, 64)), "PNG", {})[:33] + parts + _honest()[0][33:]
    if rng.random() < 0.5:
        marker = bytes((0xFF, rng.choice((0xFE, 0xE0, 0xE1, 0xED, 0xDB, 0xC4, 0xC0, 0xDA, 0x01))))
        return sketch(64)[:2] + (marker + b"\x00\x02") * count + sketch(64)[2:]
    gif = _encoded(Image.new("L", (64, 64)), "GIF", {})
    at = 13 + (3 << (gif[10] & 7) + 1 if gif[10] & 0x80 else 0)
    return gif[:at] + b"!\xfe" + b"\x01a" * count + b"\x00" + gif[at:]


def _bomb(rng: random.Random, data: bytes) -> bytes:
    """Much announced, little sent."""
    side = rng.choice((4097, 32_768, 65_535, 2**31 - 1))
    sides = rng.choice(((side, side), (1, side), (side, 1), (0, side), (4096, 4096)))
    kind = rng.randrange(5)
    if kind == 0:
        header = struct.pack(
            ">IIBBBBB", *sides, 8, rng.choice((0, 2, 3, 6)), 0, 0, rng.randrange(2)
        )
        pixels = zlib.compress(bytes(rng.choice((0, 10**6, 10**7))))
        return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels)
    if kind == 1:
        return (
            b"BM" + struct.pack("<IIIIiiHHI", 0, 0, 54, 40, *_signed(sides), 1, 24, 0) + bytes(99)
        )
    if kind == 2:
        short = [each & 0xFFFF for each in sides]
        return (
            b"GIF89a" + struct.pack("<HHBBB", *short, 0, 0, 0) + b"," + bytes(9) + b"\x08\x01\x00;"
        )
    if kind == 3:
        return _tiled(rng, *(each & 0xFFFFFFFF for each in sides))
    scan = sketch(64)[sketch(64).rindex(b"\xff\xda") : -2]
    return sketch(64)[:-2] + scan * rng.choice((10, 500)) + b"\xff\xd9"


def _tiled(rng: random.Random, width: int, height: int) -> bytes:
    """A TIFF of 16x16 pixels whose one tile is said to have this size."""
    packed = zlib.compress(bytes(10**6))
    compression = rng.choice((1, 5, 7, 8, 34925, 50000))
    values = [(256, 16), (257, 16), (258, 8), (259, compression), (262, 1), (277, 1),
              (322, width), (323, height), (324, 8 + 2 + 12 * 10 + 4),
              (325, len(packed))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values)
    return b"II*\x00" + struct.pack("<IH", 8, len(values)) + entries + bytes(4) + packed


def _signed(sides: tuple[int, int]) -> tuple[int, int]:
    return sides[0], -sides[1]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_CHANGES: list[tuple[str, Callable[[random.Random, bytes], bytes]]] = [
    ("truncated", _truncated), ("flipped", _flipped), ("lying", _lying), ("lying", _lying),
    ("shuffled", _shuffled), ("stuffed", _stuffed), ("bomb", _bomb),
    ("random", lambda rng, data: data[:8] + rng.randbytes(500)), ("honest", lambda rng, data: data),
]  # fmt: skip
