"""The texts that a PNG carries, read in bounded time and memory; the bytes are untrusted."""

import zlib

from serve_app.imaging.segments import png_chunks

MAX_TEXT_BYTES = 64 * 1024
MAX_TEXTS = 32


def read_texts(data: bytes) -> dict[str, str]:
    """By keyword, of the chunks tEXt, zTXt and iTXt. What is malformed or too long is left out.

    Raises InvalidImage for a PNG of too many chunks.
    """
    found: dict[str, str] = {}
    for kind, begin, end in png_chunks(data):
        if kind not in _READERS or end - begin > MAX_TEXT_BYTES:
            continue
        keyword, _, rest = data[begin + 8 : end - 4].partition(b"\0")
        try:
            found[keyword.decode("latin-1")] = _READERS[kind](rest)
        except (ValueError, IndexError, zlib.error):
            continue
        if len(found) == MAX_TEXTS:
            break
    return found


def _plain(rest: bytes) -> str:
    return rest.decode("latin-1")


def _compressed(rest: bytes) -> str:
    return _inflated(rest[1:]).decode("latin-1")


def _international(rest: bytes) -> str:
    compressed, (_, _, text) = rest[0], rest[2:].split(b"\0", 2)
    return (_inflated(text) if compressed else text).decode()


def _inflated(data: bytes) -> bytes:
    """Raises ValueError where there is more than `MAX_TEXT_BYTES`."""
    inflating = zlib.decompressobj()
    text = inflating.decompress(data, MAX_TEXT_BYTES)
    if inflating.unconsumed_tail:
        raise ValueError
    return text


_READERS = {b"tEXt": _plain, b"zTXt": _compressed, b"iTXt": _international}
