"""The parts that an image file is made of."""

import numpy as np
import pytest
from PIL import Image

from serve_app.errors import InvalidImage
from serve_app.imaging import codec
from serve_app.imaging.segments import MAX_PARTS, gif_blocks, jpeg_segments, png_chunks, webp_chunks
from tests.images import encoded
from tests.unit.imaging import bombs

LIMIT = 4096 * 4096


def test_restart_markers_are_no_segments():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (1024, 1024, 3), np.uint8))
    data = encoded(noise, "JPEG", restart_marker_blocks=1, subsampling=0)
    assert data.count(b"\xff\xd0") > 1000
    assert codec.decode(data, LIMIT).shape == (1024, 1024, 3)


# the walks themselves


def test_a_jpegs_segments_up_to_its_scan():
    data = bombs.jpeg(b"\xff\xfe\x00\x04ab", b"\xff\xff\xff\xe5\x00\x02")
    found = list(jpeg_segments(data))
    assert [marker for marker, _, _ in found[:2]] == [0xFE, 0xE5], "fill bytes are passed over"
    assert data[found[0][1] : found[0][2]] == b"\xff\xfe\x00\x04ab"
    assert found[-1][0] == 0xDA
    assert list(jpeg_segments(b"\xff\xd8\xff\xd9\xff\xfe\x00\x02")) == [], "nothing after the end"


def test_a_pngs_chunks():
    data = bombs.png(bombs.chunk(b"teSt", b"abc"))
    found = list(png_chunks(data))
    assert [kind for kind, _, _ in found][:2] == [b"IHDR", b"teSt"]
    assert data[found[1][1] : found[1][2]] == bombs.chunk(b"teSt", b"abc")
    assert found[-1] == (b"IEND", len(data) - 12, len(data))
    (_, _, end), *_ = png_chunks(data[:8] + b"\x7f\xff\xff\xffIHDR")
    assert end > len(data), "a length is told and not believed"


def test_a_gifs_extensions_and_its_first_image():
    comment = b"!\xfe\x03abc\x02de\x00"
    data = bombs.gif(comment)
    start = data.index(comment)
    found = list(gif_blocks(data, start))
    assert found[0] == (0xFE, start, start + len(comment))
    assert found[-1][0] == 0x2C and found[-1][2] == len(data)
    assert list(gif_blocks(b";", 0)) == []


def test_a_webps_chunks_have_even_lengths():
    data = b"RIFF\0\0\0\0WEBP" + b"AAAA\x03\0\0\0abc\0" + b"BBBB\x02\0\0\0de"
    contents = [(kind, data[begin:end]) for kind, begin, end in webp_chunks(data)]
    assert contents == [(b"AAAA", b"abc"), (b"BBBB", b"de")]


@pytest.mark.parametrize(
    ("walk", "data"),
    [
        (lambda data: jpeg_segments(data), b"\xff\xd8" + b"\xff\xfe\x00\x02" * (MAX_PARTS + 1)),
        (lambda data: png_chunks(data), bytes(8) + bombs.chunk(b"teSt", b"") * (MAX_PARTS + 1)),
        (lambda data: webp_chunks(data), bytes(12) + bytes(8) * (MAX_PARTS + 1)),
        (lambda data: gif_blocks(data, 0), b"!\xfe\x00" * (MAX_PARTS + 1)),
        (lambda data: gif_blocks(data, 0), b"!\xfe" + b"\x01a" * (MAX_PARTS + 1) + b"\x00"),
    ],
)
def test_every_walk_ends_where_no_honest_file_goes(walk, data):
    with pytest.raises(InvalidImage, match=f"more than {MAX_PARTS}"):
        list(walk(data))


@pytest.mark.parametrize(
    "walk",
    [lambda: jpeg_segments(b"\xff\xd8\xff\xfe\x00"), lambda: gif_blocks(b"!\xfe\x05a", 0)],
)
def test_what_ends_too_soon_is_truncated(walk):
    with pytest.raises(InvalidImage, match="truncated"):
        list(walk())
