"""Reads an image's header in bounded time, and strips the file to what its pixels need.

Reads no pixel and nothing that is compressed. Knows of each format where its size and orientation
stand, and which of its parts pixels are made of: the decoder gets those alone.
"""

import struct
from dataclasses import dataclass

from serve_app.errors import InvalidImage, UnsupportedImage
from serve_app.imaging import tiff
from serve_app.imaging.segments import (
    gif_blocks,
    jpeg_segments,
    png_chunks,
    webp_chunks,
)

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_SIDEWAYS = (5, 6, 7, 8)
_MAX_SCANS = 100  # a progressive JPEG has about 10; each costs a pass over all pixels
_MAX_TABLES_BYTES = 256 * 1024  # of a JPEG's header without the metadata: kilobytes, usually
_SCAN = 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Frames, tables (DHT, DAC, DQT, DRI), and what says how colours are stored (JFIF, Adobe).
_JPEG_PIXELS = _FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


@dataclass(frozen=True)
class Header:
    """Width and height in pixels as displayed: the EXIF orientation, 1 to 8, is applied."""

    format: str
    width: int
    height: int
    orientation: int = 1

    @property
    def stored(self) -> tuple[int, int]:
        """(width, height) as the file has them."""
        sides = (self.width, self.height)
        return sides[::-1] if self.orientation in _SIDEWAYS else sides


def read(data: bytes) -> Header:
    """Raises UnsupportedImage for bytes of none of `FORMATS`, InvalidImage for a corrupt header."""
    for name, starts, reader in _READERS:
        if data.startswith(starts) and (name != "WEBP" or data[8:12] == b"WEBP"):
            try:
                width, height, orientation = reader(data)
            except struct.error as error:
                raise InvalidImage("the image's header is truncated") from error
            if width < 1 or height < 1:
                raise InvalidImage("the image has no pixels")
            if orientation in _SIDEWAYS:
                width, height = height, width
            return Header(name, width, height, orientation)
    raise UnsupportedImage(f"not an image in one of {', '.join(FORMATS)}")


def pixels_only(data: bytes, header: Header) -> bytes:
    """The file as far as the pixels of its first image need it. Raises InvalidImage."""
    if header.format == "JPEG":
        return _jpeg_pixels(data)
    if header.format == "PNG":
        return _png_pixels(data)
    if header.format == "GIF":
        return _gif_pixels(data)
    if header.format == "TIFF":
        return tiff.pixels_only(data)
    return data


def _jpeg(data: bytes) -> tuple[int, int, int]:
    size, orientation = None, 1
    for marker, begin, end in jpeg_segments(data):
        if marker in _FRAMES:
            if size is not None:
                raise InvalidImage("the JPEG has two frames")
            size = struct.unpack_from(">HH", data, begin + 5)
        elif marker == 0xE1 and data[begin + 4 : begin + 10] == b"Exif\x00\x00":
            orientation = _orientation(data[begin + 10 : end])
        elif marker == _SCAN:
            break
    if size is None:
        raise InvalidImage("the JPEG has no frame")
    return size[1], size[0], orientation


def _jpeg_pixels(data: bytes) -> bytes:
    parts, tables, scans, scan = [data[:2]], 0, 0, len(data)
    for marker, begin, end in jpeg_segments(data):
        if marker == _SCAN:
            scans += 1
            scan = min(scan, begin)
            if scans > _MAX_SCANS:
                raise InvalidImage(f"the JPEG has more than {_MAX_SCANS} scans")
        elif not scans and marker in _JPEG_PIXELS:
            parts.append(data[begin:end])
            tables += end - begin
            if tables > _MAX_TABLES_BYTES:
                raise InvalidImage("the JPEG's tables are too large")
    return b"".join([*parts, memoryview(data)[scan:]])


def _png(data: bytes) -> tuple[int, int, int]:
    orientation = 1
    width, height = struct.unpack_from(">II", data, 16)
    if data[12:16] != b"IHDR":
        raise InvalidImage("the PNG has no header")
    for kind, begin, end in png_chunks(data):
        if kind == b"eXIf":
            orientation = _orientation(data[begin + 8 : end - 4])
        elif kind == b"IDAT":
            break
    return width, height, orientation


def _png_pixels(data: bytes) -> bytes:
    parts, first, last = [data[:8]], 0, 0
    for kind, begin, end in png_chunks(data):
        if kind == b"IDAT":
            first = first or begin
            last = end
        elif first:
            break
        elif begin == 8 or kind in (b"PLTE", b"tRNS"):
            parts.append(data[begin:end])
    pixels = memoryview(data)[first:last]
    return b"".join([*parts, pixels, _PNG_END if last <= len(data) else b""])


def _gif(data: bytes) -> tuple[int, int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    for kind, begin, _ in gif_blocks(data, _gif_start(data)):
        if kind == 0x2C:
            left, top, wide, high = struct.unpack_from("<4H", data, begin + 1)
            return max(width, left + wide), max(height, top + high), 1
    raise InvalidImage("the GIF has no image")


def _gif_pixels(data: bytes) -> bytes:
    start = _gif_start(data)
    control, image = b"", len(data)
    for kind, begin, end in gif_blocks(data, start):
        if kind == 0xF9:
            control = data[begin:end]
        elif kind == 0x2C:
            image = begin
    return b"".join([data[:start], control, memoryview(data)[image:]])


def _gif_start(data: bytes) -> int:
    """Where the blocks begin: behind the table of colours."""
    (flags,) = struct.unpack_from("B", data, 10)
    return 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)


def _webp(data: bytes) -> tuple[int, int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        flags, wide, high = struct.unpack_from("<I3s3s", data, 20)
        width, height = (int.from_bytes(side, "little") + 1 for side in (wide, high))
        exifs = (data[a:b] for kind, a, b in webp_chunks(data) if kind == b"EXIF")
        return width, height, _orientation(next(exifs, b"")) if flags & 8 else 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF, 1


def _bmp(data: bytes) -> tuple[int, int, int]:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return width, height, 1
    width, height, _, _, compression = struct.unpack_from("<IiHHI", data, 18)
    if compression not in (0, 3):  # run lengths, which Pillow reads in Python
        raise InvalidImage("compressed BMP files are not taken")
    return width, abs(height), 1


def _tiff(data: bytes) -> tuple[int, int, int]:
    found = tiff.read_directory(data)
    width, height = found.number(tiff.WIDTH) or 0, found.number(tiff.HEIGHT) or 0
    tiff.check_tiles(found, width, height)
    return width, height, found.orientation


def _orientation(exif: bytes) -> int:
    """Of an EXIF block; 1 of a corrupt one, which is no reason to refuse the picture."""
    try:
        return tiff.read_directory(exif.removeprefix(b"Exif\x00\x00")).orientation
    except InvalidImage:
        return 1


_READERS = (
    ("PNG", b"\x89PNG\r\n\x1a\n", _png),
    ("JPEG", b"\xff\xd8\xff", _jpeg),
    ("WEBP", b"RIFF", _webp),
    ("GIF", (b"GIF87a", b"GIF89a"), _gif),
    ("BMP", b"BM", _bmp),
    ("TIFF", (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"), _tiff),
)
