"""Bytes that nobody vouches for."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from serve_app.errors import ImageTooLarge, InvalidImage, ServiceError, UnsupportedImage
from serve_app.imaging import codec
from tests.images import encoded, sketch

LIMIT = 4096 * 4096


def decoded(image, format="PNG", **options):
    return codec.decode(encoded(image, format, **options), LIMIT)


@pytest.mark.parametrize("format", codec.FORMATS)
def test_every_format_decodes_to_rgb(format):
    pixels = decoded(sketch(40, 30), format)
    assert pixels.shape == (30, 40, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_png_mode_keeps_its_colours(mode):
    pixels = decoded(sketch(40, 40).convert(mode))
    assert pixels.shape == (40, 40, 3)
    assert pixels[2, 2].min() > 200  # the light background


def test_transparency_is_laid_on_white():
    assert (decoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0))) == 255).all()
    half = decoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128)))
    assert abs(int(half[0, 0, 0]) - 127) <= 1


def test_transparent_palette_entry_is_laid_on_white():
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0] * 256)
    assert (decoded(image, transparency=0) == 255).all()


def test_16_bit_grey_keeps_its_upper_byte():
    grey = Image.fromarray(np.full((8, 8), 0x80FF, np.uint16))
    assert (decoded(grey) == 0x80).all()
    assert (decoded(grey, "TIFF") == 0x80).all()


def test_floating_point_samples_are_refused():
    with pytest.raises(InvalidImage):
        decoded(Image.new("F", (8, 8)), "TIFF")


def test_cmyk_becomes_rgb():
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixel = decoded(red, "JPEG", quality=95)[4, 4]
    assert pixel[0] > 200 and pixel[1] < 60 and pixel[2] < 60


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime")]
    for format in ("GIF", "PNG", "WEBP"):
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:], lossless=True)
        pixel = codec.decode(data, LIMIT)[4, 4]
        assert pixel[0] > 200 and pixel[1] < 60, format


def test_exif_orientation_is_applied():
    image = sketch(40, 20)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    data = encoded(image, "JPEG", exif=exif.tobytes())
    header = codec.inspect(data, LIMIT)
    assert (header.width, header.height) == (20, 40)
    assert codec.decode(data, LIMIT).shape == (40, 20, 3)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_format(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(sketch(40, 20), format, exif=exif.tobytes())
    header = codec.inspect(data, LIMIT)
    pixels = codec.decode(data, LIMIT)
    assert pixels.shape[:2] == (header.height, header.width)
    assert (header.width < header.height) == (orientation >= 5)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_corrupt_exif_block_is_ignored():
    for exif in (
        b"Exif\x00\x00",
        b"Exif\x00\x00MM\x00*\xff\xff\xff\xff",
        b"Exif\x00\x00II*\x00" * 9,
    ):
        data = encoded(sketch(40, 20), "JPEG", exif=exif)
        assert codec.decode(data, LIMIT).shape == (20, 40, 3)


def test_inspecting_a_png_decodes_nothing(monkeypatch):
    data = encoded(sketch(40, 20))
    monkeypatch.setattr(Image.Image, "load", None)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    assert codec.inspect(data, LIMIT).width == 40


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_shrinks_by_whole_factors_to_no_side_under_the_least(format_):
    data = encoded(sketch(400, 200), format_)
    assert codec.decode(data, LIMIT, least_side=50).shape == (50, 100, 3)
    assert codec.decode(data, LIMIT, least_side=80).shape == (100, 200, 3)
    for least_side in (101, 200, 1000):
        assert codec.decode(data, LIMIT, least_side=least_side).shape == (200, 400, 3)


def test_resizes_to_width_and_height():
    assert codec.decode(encoded(sketch(40, 20)), LIMIT, (16, 24)).shape == (24, 16, 3)


def bomb(width, height):
    """A PNG whose header announces what its few bytes do not hold."""

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def test_pixel_limit_is_read_from_the_header():
    for size in ((50_000, 50_000), (4097, 4096), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(ImageTooLarge):
            codec.inspect(bomb(*size), LIMIT)
    assert codec.inspect(bomb(4096, 4096), LIMIT).width == 4096


@pytest.mark.parametrize("data", [b"", b"garbage", b"<svg></svg>", b"%PDF-1.4", b"\x00" * 64])
def test_other_bytes_are_unsupported(data):
    with pytest.raises(UnsupportedImage):
        codec.decode(data, LIMIT)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_truncated_images_are_refused(format):
    data = encoded(sketch(200, 200), format)
    with pytest.raises(InvalidImage):
        codec.decode(data[: len(data) * 2 // 3], LIMIT)


@pytest.mark.parametrize("format", codec.FORMATS)
def test_mutated_images_are_decoded_or_refused_but_never_crash(format):
    data = encoded(sketch(48, 48), format)
    rng = random.Random(format)
    for _ in range(60):
        mutated = bytearray(data)
        for _ in range(rng.randint(1, 12)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        try:
            pixels = codec.decode(bytes(mutated), LIMIT)
        except ServiceError:
            continue
        assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_encodes_colour_and_grey(output_format):
    for shape in ((20, 30, 3), (20, 30)):
        data = codec.encode(np.zeros(shape, np.uint8), output_format, 50)
        image = Image.open(io.BytesIO(data))
        assert image.format == output_format.upper()
        assert image.size == (30, 20)


def test_compression_is_a_quality():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert len(codec.encode(noise, "jpeg", 10)) < len(codec.encode(noise, "jpeg", 95))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L", "1", "I;16"])
def test_alpha_and_grey_of_every_kind_of_png(mode):
    grey = Image.new("L", (6, 4), 200)
    rgba = Image.merge("RGBA", [grey, grey, grey, Image.new("L", (6, 4), 255)])
    rgba.putpixel((5, 0), (0, 0, 0, 0))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey, np.uint16) * 256)
    else:
        image = rgba.quantize(4) if mode == "P" else rgba.convert(mode)
    data = encoded(image)
    alpha, shown = codec.decode_alpha(data, 100), codec.decode_grey(data, 100)
    assert alpha.shape == shown.shape == (4, 6) and alpha.dtype == shown.dtype == np.uint8
    assert alpha[0, 5] == (0 if mode in ("RGBA", "LA", "P") else 255) and alpha[0, 0] == 255
    assert shown[0, 0] == (255 if mode == "1" else 200)


def test_alpha_and_grey_are_upright_and_whole():
    image = Image.new("RGBA", (6, 4), (255, 255, 255, 255))
    image.putpixel((5, 0), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(image, exif=exif)
    for channel in (codec.decode_alpha(turned, 100), codec.decode_grey(turned, 100)):
        assert channel.shape == (6, 4) and channel[5, 3] == 0 and channel[0, 0] == 255
    for decode in (codec.decode_alpha, codec.decode_grey):
        with pytest.raises(ImageTooLarge):
            decode(turned, 10)
        with pytest.raises(InvalidImage):
            decode(encoded(sketch(64, 64))[:150], 10_000)
