import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from serve_app.client import pngs
from serve_app.client.files import BadInput
from tests.images import encoded, jpeg, sketch


def with_text(kind):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("other", "nothing")
    if kind == "iTXt":
        texts.add_itxt("parameters", "größe 星", zip=True)
    else:
        texts.add_text("parameters", "größe", zip=kind == "zTXt")
    return encoded(sketch(20, 10), pnginfo=texts)


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
def test_a_text_by_its_keyword(kind):
    png = with_text(kind)
    assert pngs.text_of(png, "parameters") == ("größe 星" if kind == "iTXt" else "größe")
    assert pngs.text_of(png, "missing") is None
    assert pngs.size_of(png) == (20, 10)


def test_pixels_are_compared_whatever_stands_beside_them():
    plain, marked = encoded(sketch(20, 10)), with_text("iTXt")
    assert pngs.same_pixels(plain, marked)
    assert pngs.same_pixels(plain, encoded(sketch(20, 10), compress_level=9))
    changed = np.asarray(sketch(20, 10)).copy()
    changed[5, 5, 0] ^= 1
    assert not pngs.same_pixels(plain, encoded(Image.fromarray(changed)))
    assert not pngs.same_pixels(plain, encoded(sketch(10, 20)))


@pytest.mark.parametrize("data", [b"", b"no image", jpeg()])
def test_what_is_no_png(data):
    for read in (pngs.size_of, lambda data: pngs.text_of(data, "parameters")):
        with pytest.raises(BadInput, match="not a PNG"):
            read(data)


def test_what_is_damaged():
    png = encoded(sketch(20, 10))
    with pytest.raises(BadInput, match="pixels are damaged"):
        pngs.same_pixels(png, png[: len(png) // 2])
    content = b"parameters\0\0no deflate"
    chunk = struct.pack(">I4s", len(content), b"zTXt") + content
    text = png[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + png[33:]
    with pytest.raises(BadInput, match="damaged"):
        pngs.text_of(text, "parameters")
