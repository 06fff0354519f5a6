"""Draw the grids of held-out samples in docs/demo.md: `python -m demo.samples`."""

from __future__ import annotations

import hashlib
import textwrap

import numpy as np
from PIL import Image, ImageDraw

from demo.control import canny, sketch
from demo.heldout import held_out_scenes
from demo.served import Captioner, Generator, resize
from demo.shapes import caption, render
from serve_app.model_config import PROJECT_ROOT

PATH = PROJECT_ROOT / "docs" / "samples.png"
TEXT_ONLY_PATH = PROJECT_ROOT / "docs" / "samples-text.png"

_COLUMNS = 8
_SIZE = 128
_GAP = 6
_TEXT_HEIGHT = 92
_TEXT_ONLY, _AMONG = 24, 400
_ROWS: dict[str, dict[str, object]] = {
    "renders": {"same_kind": False},
    "two alike": {"same_kind": True},
    "sketches": {"wide": 1.0},
    "text only": {},
}


def main() -> None:
    generator, captioner = Generator(), Captioner()
    draw_samples(generator, captioner)
    draw_text_only(generator, captioner)


def draw_samples(generator: Generator, captioner: Captioner) -> None:
    """A row of each way to ask, with the edges that were given."""
    row_height = 2 * _SIZE + _TEXT_HEIGHT + 2 * _GAP
    grid = Image.new("RGB", (_COLUMNS * (_SIZE + _GAP) + _GAP, len(_ROWS) * row_height), "white")
    for row, (name, options) in enumerate(_ROWS.items()):
        for column, scene in enumerate(held_out_scenes(_COLUMNS, f"samples {name}", **options)):
            rng = np.random.default_rng(column)
            prompt = caption(scene)
            picture = sketch(rng, scene, 512) if name == "sketches" else render(scene, 512)
            control = None if name == "text only" else picture
            image = generator.draw(prompt, column, control)
            x, y = _GAP + column * (_SIZE + _GAP), _GAP + row * row_height
            if control is not None:
                grid.paste(Image.fromarray(canny(resize(control, _SIZE))), (x, y))
            grid.paste(Image.fromarray(image), (x, y + _SIZE + _GAP))
            label = f"{prompt}\n> {captioner.describe(image)}"
            _write(grid, (x, y + 2 * _SIZE + 2 * _GAP), label)
    grid.quantize(64).save(PATH, optimize=True)


def draw_text_only(generator: Generator, captioner: Captioner) -> None:
    """24 pictures from text alone, chosen by nobody: the prompts whose hashes come first."""
    prompts = {caption(scene) for scene in held_out_scenes(_AMONG, "text-only samples")}
    chosen = sorted(prompts, key=lambda prompt: hashlib.sha256(prompt.encode()).digest())
    height = _SIZE + _TEXT_HEIGHT + _GAP
    size = (_COLUMNS * (_SIZE + _GAP) + _GAP, _TEXT_ONLY // _COLUMNS * height)
    grid = Image.new("RGB", size, "white")
    for index, prompt in enumerate(chosen[:_TEXT_ONLY]):
        image = generator.draw(prompt, index)
        x, y = _GAP + index % _COLUMNS * (_SIZE + _GAP), _GAP + index // _COLUMNS * height
        grid.paste(Image.fromarray(image), (x, y))
        _write(grid, (x, y + _SIZE + _GAP), f"{prompt}\n> {captioner.describe(image)}")
    grid.quantize(64).save(TEXT_ONLY_PATH, optimize=True)


def _write(grid: Image.Image, position: tuple[int, int], label: str) -> None:
    lines = [line for part in label.split("\n") for line in textwrap.wrap(part, 25)]
    ImageDraw.Draw(grid).multiline_text(
        position, "\n".join(lines), "black", font_size=10, spacing=1
    )


if __name__ == "__main__":
    main()
