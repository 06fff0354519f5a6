"""Draw the README's first picture, made by a running service: `python -m demo.flow`.

A hand-drawn sketch, its edges, what is generated from them and a text, enlarged, and its caption.
"""

import argparse
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from serve_app.client import Client

PROMPT = "a red star, a yellow circle and a green heart on a blue background"
_PANEL, _GAP, _LINE = 256, 12, 26


def run(service: str, sketch: bytes, seed: int) -> tuple[list[tuple[str, Image.Image]], str]:
    """What each stage made of the sketch, with its title, and the caption."""
    with Client(service) as client:
        edges = _opened(client.canny(sketch).data)
        made = client.generate(PROMPT, sketch, seed=seed)
        enlarged = client.generate(PROMPT, sketch, seed=seed, upscale=4, caption=True)
    image, large = _opened(made.image.data), _opened(enlarged.image.data)
    stages = [
        ("sketch", _opened(sketch)),
        ("Canny", edges),
        (f"ControlNet, {image.width} x {image.height}", image),
        (f"Swin2SR, {large.width} x {large.height}", large),
    ]
    return stages, enlarged.image.caption or ""


def compose(stages: list[tuple[str, Image.Image]], caption: str) -> Image.Image:
    """The panels side by side, the last one at twice the size, and the words above."""
    small = len(stages) - 1
    width = small * (_PANEL + _GAP) + 2 * _PANEL
    page = Image.new("RGB", (width, 2 * _PANEL + _LINE), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(14)
    for index, (title, image) in enumerate(stages):
        size = 2 * _PANEL if index == small else _PANEL
        x, y = index * (_PANEL + _GAP), 2 * _PANEL - size
        page.paste(image.convert("RGB").resize((size, size), Image.Resampling.NEAREST), (x, y))
        draw.rectangle((x, y, x + size - 1, y + size - 1), outline=(200, 200, 200))
        draw.text((x, 2 * _PANEL + 5), title, fill="black", font=font)
    large = ImageFont.load_default(18)
    for line, words in enumerate(("prompt", f"“{PROMPT}”", "GIT's caption", f"“{caption}”")):
        draw.text((0, 60 + 36 * line), words, fill="black", font=large if line % 2 else font)
    return page


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--sketch", type=Path, default=Path("docs/drawing.png"))
    parser.add_argument("--out", type=Path, default=Path("docs/flow.png"))
    parser.add_argument("--seed", type=int, default=4)
    args = parser.parse_args()
    compose(*run(args.url, args.sketch.read_bytes(), args.seed)).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
