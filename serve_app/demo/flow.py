"""Draw the README's first picture, made by a running service: `python -m serve_app.demo.flow`.

A hand-drawn sketch, its edges, what is generated from them and a text, enlarged, and its caption.
"""

import argparse
import base64
import io
import json
import urllib.request
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

PROMPT = "a red star, a yellow circle and a green heart on a blue background"
_PANEL, _GAP, _LINE = 256, 12, 26


def post(url: str, body: bytes, content_type: str) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.read()


def run(service: str, sketch: bytes, seed: int) -> tuple[list[tuple[str, Image.Image]], str]:
    """What each stage made of the sketch, with its title, and the caption."""

    def generate(upscale: int) -> tuple[Image.Image, str]:
        body = {
            "prompt": PROMPT,
            "seed": seed,
            "control_image": base64.b64encode(sketch).decode(),
            "caption": True,
            "upscale": upscale,
        }
        url = f"{service}/v1/images/generations"
        answer = post(url, json.dumps(body).encode(), "application/json")
        first = json.loads(answer)["data"][0]
        return _opened(base64.b64decode(first["b64_json"])), first["caption"]

    edges = post(f"{service}/v1/canny", sketch, "image/png")
    image, _ = generate(upscale=1)
    large, caption = generate(upscale=4)
    stages = [
        ("sketch", _opened(sketch)),
        ("Canny", _opened(edges)),
        (f"ControlNet, {image.width} x {image.height}", image),
        (f"Swin2SR, {large.width} x {large.height}", large),
    ]
    return stages, caption


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
