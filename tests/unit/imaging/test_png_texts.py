"""Texts of PNG files, from honest ones and others."""

import io
import struct
import zlib

from PIL import Image, PngImagePlugin

from serve_app.imaging.png_texts import MAX_TEXT_BYTES, MAX_TEXTS, read_texts


def png(add=lambda texts: None):
    out, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    add(texts)
    Image.new("L", (2, 2)).save(out, "PNG", pnginfo=texts)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(*chunks):
    data = png()
    return data[:33] + b"".join(chunks) + data[33:]


def test_all_three_kinds():
    def add(texts):
        texts.add_text("plain", "é")
        texts.add_text("zipped", "x" * 500, zip=True)
        texts.add_itxt("parameters", "星\nSteps: 4")
        texts.add_itxt("both", "星", zip=True)

    found = {"plain": "é", "zipped": "x" * 500, "parameters": "星\nSteps: 4", "both": "星"}
    assert read_texts(png(add)) == found


def test_none():
    assert read_texts(png()) == {}


def test_what_unfolds_to_too_much_is_left_out():
    bomb = b"parameters\0\0" + zlib.compress(b"x" * (MAX_TEXT_BYTES + 1))
    long = b"long\0" + b"x" * MAX_TEXT_BYTES
    assert read_texts(with_chunks(chunk(b"zTXt", bomb), chunk(b"tEXt", long))) == {}


def test_what_is_malformed_is_left_out():
    broken = [
        chunk(b"zTXt", b"a\0\0no zlib"),
        chunk(b"iTXt", b"b\0"),
        chunk(b"iTXt", b"c\0\0\0\0"),
        chunk(b"iTXt", b"d\0\0\0\0\0\xff"),
        chunk(b"tEXt", b""),
    ]
    assert set(read_texts(with_chunks(*broken))) <= {""}


def test_many():
    texts = [chunk(b"tEXt", b"%d\0x" % index) for index in range(MAX_TEXTS + 5)]
    assert len(read_texts(with_chunks(*texts))) == MAX_TEXTS
