"""Files that cost far more than they weigh: refused early, or read for what pixels need of them."""

import contextlib
import struct
import time
import zlib

import numpy as np
import pytest

from serve_app.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from serve_app.imaging import codec, header
from tests.images import encoded, sketch
from tests.unit.imaging import bombs

LIMIT = 4096 * 4096
MANY = 300_000
EMPTY_COMMENT = b"\xff\xfe\x00\x02"


# 64 KB of Photoshop resources, which Pillow parses in Python.
PHOTOSHOP = (
    b"\xff\xed\xff\xff" + b"Photoshop 3.0\x00" + b"8BIM\x04\x04\x00\x00\x00\x00\x00\x00" * 5459
)
TABLES = b"\xff\xdb\xff\xff" + (b"\x03" + b"\x01" * 64) * 1008 + b"\x03" * 13
INFLATES = b"a\x00\x00" + zlib.compress(bytes(900_000))
WEBP = encoded(sketch(40, 30), "WEBP", exif=b"x" * 20)
PLAIN = codec.decode(encoded(sketch(40, 30), "JPEG"), LIMIT)
COSTLY = {
    "JPEG comments": bombs.jpeg(EMPTY_COMMENT * MANY),
    "JPEG padding": bombs.jpeg(b"\xff" * 5_000_000),
    "JPEG junk": bombs.jpeg(EMPTY_COMMENT + b"\x00" * 5_000_000),
    "JPEG Photoshop": bombs.jpeg((PHOTOSHOP + bytes(65537 - len(PHOTOSHOP))) * 80),
    "JPEG tables": bombs.jpeg(TABLES * 80),
    "PNG chunks": bombs.png(bombs.chunk(b"teSt", b"") * MANY),
    "PNG texts": bombs.png(bombs.chunk(b"zTXt", INFLATES) * 2000),
    "PNG profiles": bombs.png(bombs.chunk(b"iCCP", INFLATES) * 2000),
    "GIF blocks": bombs.gif(b"!\xfe" + b"\x01a" * 2_000_000 + b"\x00"),
    "GIF extensions": bombs.gif(b"!\xfe\x00" * MANY),
    "TIFF tags": bombs.tiff([(tag, 3, 1, 1) for tag in range(60_000)]),
    "BigTIFF tags": bombs.tiff([(tag % 65536, 3, 1, 1) for tag in range(200_000)], big=True),
    "WebP chunks": WEBP[:30] + b"JUNK\x00\x00\x00\x00" * MANY,
}  # fmt: skip


@pytest.mark.parametrize("name", COSTLY)
def test_neither_headers_nor_what_is_around_pixels_costs_much(name):
    data = COSTLY[name]
    began = time.process_time()
    for read in (codec.inspect, codec.decode):
        try:
            read(data, LIMIT)
        except InvalidImage:
            continue
    assert time.process_time() - began < 0.2  # seconds; 0.5 to 5 when Pillow reads it all


def test_what_surrounds_pixels_does_not_change_them():
    metadata = (EMPTY_COMMENT * 100, PHOTOSHOP, b"\xff\xe2\x00\x10MPF\x00" + bytes(10), b"\xff" * 9)
    assert np.array_equal(codec.decode(bombs.jpeg(*metadata), LIMIT), PLAIN)
    png = codec.decode(encoded(sketch(40, 30)), LIMIT)
    texts = [bombs.chunk(b"tEXt", b"a\x00b"), bombs.chunk(b"iCCP", b"broken")]
    assert np.array_equal(codec.decode(bombs.png(*texts), LIMIT), png)
    gif = codec.decode(bombs.gif(), LIMIT)
    assert np.array_equal(
        codec.decode(bombs.gif(b"!\xfe\x03abc\x00", b"!\xff\x01a\x00"), LIMIT), gif
    )


def test_what_follows_the_image_is_not_read():
    assert np.array_equal(
        codec.decode(encoded(sketch(40, 30), "JPEG") + b"\xff\xda" * 999, LIMIT), PLAIN
    )
    png = encoded(sketch(40, 30))
    assert codec.decode(png + bombs.chunk(b"teSt", b"") * MANY, LIMIT).shape == (30, 40, 3)


def test_a_progressive_jpeg_has_a_bounded_number_of_scans():
    assert codec.decode(bombs.jpeg_scans(0), LIMIT).shape == (30, 40, 3)
    with pytest.raises(InvalidImage, match="scans"):
        codec.decode(bombs.jpeg_scans(1000), LIMIT)


def test_sizes_are_those_of_the_decoder():
    for size in ((1, 1), (1, 300), (300, 1), (17, 5)):
        for name in codec.FORMATS:
            data = encoded(sketch(*size), name)
            found = codec.inspect(data, LIMIT)
            assert (found.format, found.width, found.height) == (name, *size)
            assert codec.decode(data, LIMIT).shape[:2] == size[::-1]


def test_a_canvas_over_the_limit_is_refused_before_it_is_made():
    webp = bytearray(encoded(sketch(40, 30), "WEBP", exif=b"Exif\x00\x00x"))
    webp[24:30] = b"\xff\x3f\x00" * 2
    gif = bytearray(encoded(sketch(40, 30), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    for data in (webp, gif):
        with pytest.raises(ImageTooLarge):
            codec.inspect(bytes(data), LIMIT)


def test_run_length_bmp_is_refused():
    bmp = bytearray(encoded(sketch(40, 30).convert("P"), "BMP"))
    struct.pack_into("<I", bmp, 30, 1)
    with pytest.raises(InvalidImage, match="BMP"):
        codec.decode(bytes(bmp), LIMIT)


@pytest.mark.parametrize("name", codec.FORMATS)
def test_every_prefix_is_read_or_refused_in_our_words(name):
    data = encoded(sketch(24, 24), name)
    for end in range(8, min(len(data), 400), 7):
        with contextlib.suppress(InvalidImage, UnsupportedImage):
            header.pixels_only(data[:end], header.read(data[:end]))
