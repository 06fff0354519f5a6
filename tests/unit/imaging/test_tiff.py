"""TIFF directories, honest and hostile."""

import subprocess
import sys

import pytest

from serve_app.errors import InvalidImage
from serve_app.imaging import codec, tiff
from tests.images import encoded, sketch
from tests.unit.imaging import bombs

LIMIT = 4096 * 4096
PEAK = """
import resource, sys
from serve_app.errors import InvalidImage
from serve_app.imaging import codec
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    codec.decode(data, 4096 * 4096)
except InvalidImage as error:
    print(error, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_tile_far_larger_than_its_image_costs_no_memory(tmp_path):
    path = tmp_path / "bomb.tif"
    path.write_bytes(bombs.tiled_tiff(16, 16_384))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True
    )
    assert "tile" in done.stderr
    assert int(done.stdout) < 32 * 1024  # KiB; 256 MiB where libtiff unpacks the tile


@pytest.mark.parametrize(("side", "tile"), [(16, 16), (16, 256), (100, 112), (1100, 1104)])
def test_honest_tiles_are_read(side, tile):
    assert codec.decode(bombs.tiled_tiff(side, tile), LIMIT).shape == (side, side, 3)


def test_a_tiff_may_be_big_or_big_endian_and_compressed():
    grey = sketch(40, 30).convert("L")
    for options in ({"big_tiff": True}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}):
        assert codec.decode(encoded(grey, "TIFF", **options), LIMIT).shape == (30, 40, 3), options


@pytest.mark.parametrize(
    "entries",
    [
        [(256, 3, 1, 16)],
        [(256, 3, 1, 16), (257, 3, 1, 16), (256, 3, 1, 9999)],
        [(256, 4, 1, 0), (257, 4, 1, 2**32 - 1)],
        [(256, 4, 1, 16), (257, 4, 1, 16), (273, 4, 2**31, 8)],
        [(256, 4, 1, 16), (257, 4, 1, 16), (259, 3, 1, 34925)],
        [(256, 2, 1, 16), (257, 77, 1, 16)],
    ],
)
def test_a_directory_that_no_honest_file_has_is_refused(entries):
    with pytest.raises(InvalidImage):
        codec.inspect(bombs.tiff(entries), LIMIT)


# directories alone

ORIENTATION = tiff.ORIENTATION


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("kind", "value"), [(1, 6), (3, 6), (4, 6)])
def test_a_number_is_read_in_whatever_size_it_was_written(kind, value, big):
    found = tiff.read_directory(bombs.tiff([(ORIENTATION, kind, 1, value)], big=big))
    assert found.number(ORIENTATION) == found.orientation == 6


@pytest.mark.parametrize("entry", [(2, 1, 6), (3, 2, 6), (5, 1, 6)])
def test_texts_lists_and_fractions_are_no_numbers(entry):
    found = tiff.read_directory(bombs.tiff([(ORIENTATION, *entry)]))
    assert found.number(ORIENTATION) is None and found.number(tiff.WIDTH) is None
    assert found.orientation == 1


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_an_orientation_that_there_is_not_is_upright(value):
    assert tiff.read_directory(bombs.tiff([(ORIENTATION, 3, 1, value)])).orientation == 1


def test_what_is_left_of_a_file_is_of_pixels_alone():
    """Where offsets point stays where it was."""
    entries = [(256, 3, 1, 16), (257, 3, 1, 16), (700, 1, 99, 8), (ORIENTATION, 3, 1, 6)]
    data = bombs.tiff(entries, behind=b"strips")
    left = tiff.pixels_only(data)
    assert len(left) == len(data) and left.endswith(b"strips")
    found = tiff.read_directory(left)
    assert set(found.entries) <= {256, 257, 266, ORIENTATION} and 700 not in found.entries
    assert (found.number(256), found.number(257)) == (16, 16)


@pytest.mark.parametrize(
    "data", [b"", b"II", b"MM\0*\0\0\0", b"XX*\0\x08\0\0\0", b"II*\0\xff\0\0\0"]
)
def test_bytes_that_hold_no_directory(data):
    with pytest.raises(InvalidImage):
        tiff.read_directory(data)
