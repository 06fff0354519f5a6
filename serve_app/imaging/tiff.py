"""The first directory of a TIFF file, which is also what an EXIF block is made of.

Pillow and libtiff believe what a directory says: a tile of gigabytes in an image of 16x16 pixels,
millions of strips, directories in directories. What is read here is bounded, and `pixels_only`
leaves them nothing else to read.
"""

import struct
from dataclasses import dataclass

from serve_app.errors import InvalidImage

WIDTH, HEIGHT, COMPRESSION, ORIENTATION, TILE_WIDTH, TILE_HEIGHT = 256, 257, 259, 274, 322, 323
_MAX_TAGS = 1000
_MAX_VALUES = 200_000  # of one tag: a strip for each row of each of four planes is under it
_MAX_TILE = 1024  # a side of a tile, where the image is smaller
_COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)  # none, CCITT, LZW, JPEG, deflate, PackBits
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}
_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
# What pixels are made of, after TIFF 6.0; the rest is about the picture, or points at others.
_OF_PIXELS = {
    256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325,
    332, 338, 339, 347, 529, 530, 531, 532,
}  # fmt: skip


@dataclass(frozen=True)
class Directory:
    """Where the directory is, how it is written, and its entries' raw bytes by tag."""

    order: str  # of bytes, as struct has it
    is_big: bool
    at: int
    entries: dict[int, bytes]

    def number(self, tag: int) -> int | None:
        """A tag's value where it is one whole number of 0 or more."""
        entry = self.entries.get(tag)
        if entry is None:
            return None
        kind, count = struct.unpack_from(f"{self.order}H{'Q' if self.is_big else 'I'}", entry, 2)
        if count != 1 or kind not in _NUMBERS:
            return None
        form = self.order + _NUMBERS[kind]
        at = 12 if self.is_big else 8
        if struct.calcsize(form) > len(entry) - at:
            return None
        return int(struct.unpack_from(form, entry, at)[0])

    @property
    def orientation(self) -> int:
        """1 to 8 as EXIF has it; 1 where it says nothing that makes sense."""
        value = self.number(ORIENTATION)
        return value if value is not None and 1 <= value <= 8 else 1


def read_directory(data: bytes) -> Directory:
    """Raises InvalidImage where it is none, or one that no honest file has."""
    try:
        return _directory(data)
    except struct.error as error:
        raise InvalidImage("the TIFF directory is truncated") from error


def check_tiles(found: Directory, width: int, height: int) -> None:
    """Raises InvalidImage for tiles that reach far out of the image, and rare compressions."""
    for tag, side in ((TILE_WIDTH, width), (TILE_HEIGHT, height)):
        if tag in found.entries:
            tile = found.number(tag)
            if tile is None or tile > max(_MAX_TILE, side + 15):  # tiles are multiples of 16
                raise InvalidImage("a tile of the TIFF is larger than the image")
    if COMPRESSION in found.entries and found.number(COMPRESSION) not in _COMPRESSIONS:
        raise InvalidImage("this compression of TIFF files is not taken")


def pixels_only(data: bytes) -> bytes:
    """The file with no other directory than the first, and in it no tag but of pixels."""
    found = read_directory(data)
    entries = [entry for tag, entry in found.entries.items() if tag in _OF_PIXELS]
    count, last = ("Q", "Q") if found.is_big else ("H", "I")
    directory = struct.pack(found.order + count, len(entries)) + b"".join(entries)
    directory += struct.pack(found.order + last, 0)
    # Never longer than what was there, but for the last 4 or 8 bytes of a truncated file.
    return data[: found.at] + directory + data[found.at + len(directory) :]


def _directory(data: bytes) -> Directory:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise InvalidImage("not a TIFF header")
    magic, at = struct.unpack_from(f"{order}HI", data, 2)
    is_big = magic == 43
    if is_big:
        (at,) = struct.unpack_from(f"{order}Q", data, 8)
    if magic not in (42, 43) or at > len(data):
        raise InvalidImage("not a TIFF header")
    (count,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, at)
    if count > _MAX_TAGS:
        raise InvalidImage(f"the TIFF directory has more than {_MAX_TAGS} tags")
    entries: dict[int, bytes] = {}
    size, begin = (20, at + 8) if is_big else (12, at + 2)
    for number in range(count):
        entry = data[begin + number * size : begin + (number + 1) * size]
        tag, kind, values = struct.unpack_from(f"{order}HH{'Q' if is_big else 'I'}", entry)
        if len(entry) < size or tag in entries:  # readers differ on which of two counts
            raise InvalidImage("the TIFF directory is corrupt")
        if tag in _OF_PIXELS and (kind not in _SIZES or values > _MAX_VALUES):
            raise InvalidImage("the TIFF directory is corrupt")
        entries[tag] = entry
    return Directory(order, is_big, at, entries)
