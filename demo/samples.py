"""Draw the grid of held-out samples in docs/demo.md: `python -m demo.samples`."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw

from demo.control import canny, sketch
from demo.heldout import held_out_scenes
from demo.served import Captioner, Generator, resize
from demo.shapes import caption, render
from serve_app.model_config import PROJECT_ROOT

PATH = PROJECT_ROOT / "docs" / "samples.png"

_COLUMNS = 8
_SIZE = 128
_GAP = 6
_TEXT_HEIGHT = 92
_ROWS: dict[str, dict[str, object]] = {
    "renders": {"same_kind": False},
    "two alike": {"same_kind": True},
    "sketches": {"wide": 1.0},
    "text only": {},
}


def main() -> None:
    generator, captioner = Generator(), Captioner()
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


def _write(grid: Image.Image, position: tuple[int, int], label: str) -> None:
    lines = [line for part in label.split("\n") for line in textwrap.wrap(part, 25)]
    ImageDraw.Draw(grid).multiline_text(
        position, "\n".join(lines), "black", font_size=10, spacing=1
    )


if __name__ == "__main__":
    main()
