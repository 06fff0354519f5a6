"""The pictures and prompts that a model is judged by: files, in the order of their names."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

from serve_app.imaging import codec
from serve_app.messages import Pixels

T = TypeVar("T")

PROMPTS = "prompts.txt"
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


@dataclass(frozen=True)
class Inputs:
    """The n-th prompt goes with the n-th picture; of fewer prompts, the first follow again."""

    pictures: list[Path]
    prompts: list[str]

    def decoded(
        self,
        count: int,
        max_pixels: int,
        size: tuple[int, int] | None = None,
        least_side: int | None = None,
    ) -> Iterator[Pixels]:
        """As many pictures, uint8 RGB [h, w, 3], again from the first where there are fewer.

        The other parameters are `codec.decode`'s, which also says what it raises.
        """
        for path in repeated(self.pictures, count):
            yield codec.decode(path.read_bytes(), max_pixels, size, least_side)

    def pairs(self, count: int) -> list[tuple[int, str]]:
        """As many seeds and prompts."""
        return list(enumerate(repeated(self.prompts, count)))


def read_inputs(pictures: Path, prompts: Path | None, count: int) -> Inputs:
    """The first `count` pictures of a folder; prompts are lines, by default of its `prompts.txt`.

    Without either file there are none. Raises OSError, and ValueError where there is no picture.
    """
    found = sorted(path for path in pictures.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise ValueError(f"{pictures} has no pictures ({', '.join(sorted(_SUFFIXES))})")
    if prompts is None and (pictures / PROMPTS).exists():
        prompts = pictures / PROMPTS
    lines = prompts.read_text().splitlines() if prompts else []
    return Inputs(found[:count], [line.strip() for line in lines if line.strip()])


def repeated(things: list[T], count: int) -> list[T]:
    """As many, again from the first where there are fewer."""
    return list(islice(cycle(things), count))
