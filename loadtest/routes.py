"""The requests that are sent: one kind per route, and weighted mixes of them."""

import base64
import io
import json
import random
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from PIL import Image, ImageDraw

PROMPT = "a red circle and a blue square on a white background"
AS_PIPELINE: dict[str, object] = {
    "num_inference_steps": 15,
    "sampler": "ddim",
    "guidance_scale": 3.0,
    "guidance_end": 1.0,
    "latent_clamp": False,
    "size": "128x128",
}
"""The settings of diffusers' pipeline in the baseline: every step is guided, nothing is clamped."""

_OF_ONE_IMAGE = {
    "captions": "/v1/captions",
    "upscale": "/v1/upscale?scale=2&output_format=jpeg",
    "canny": "/v1/canny",
    "classify": "/v1/classify",
}
ROUTES = ("generation", *_OF_ONE_IMAGE)


@dataclass(frozen=True)
class Request:
    """A POST to the service."""

    route: str
    path: str
    body: bytes
    content_type: str


@cache
def sketch(side: int = 512) -> bytes:
    """A square RGB JPEG of two shapes, `side` pixels wide."""
    image = Image.new("RGB", (512, 512), (245, 245, 245))
    draw = ImageDraw.Draw(image)
    draw.ellipse((50, 150, 230, 330), fill=(220, 40, 40))
    draw.rectangle((280, 180, 460, 360), fill=(40, 80, 220))
    out = io.BytesIO()
    image.resize((side, side)).save(out, "JPEG")
    return out.getvalue()


def request_to(route: str, number: int, **fields: object) -> Request:
    """The `number`th request, which is also its seed. `fields` go into a generation's body."""
    if route != "generation":
        # Upscaled images have the size of generated ones.
        image = sketch(128) if route == "upscale" else sketch()
        return Request(route, _OF_ONE_IMAGE[route], image, "image/jpeg")
    control = base64.b64encode(sketch()).decode()
    body = {"prompt": PROMPT, "control_image": control, "seed": number} | AS_PIPELINE | fields
    return Request(route, "/v1/images/generations", json.dumps(body).encode(), "application/json")


def parse_mix(text: str) -> dict[str, float]:
    """Weights by route of `generation=3,captions=5`. Raises ValueError where it is no mix."""
    weights = {}
    for part in text.split(","):
        route, _, weight = part.strip().partition("=")
        if route not in ROUTES:
            raise ValueError(f"{route!r} is none of {', '.join(ROUTES)}")
        weights[route] = float(weight or 1)
        if not weights[route] > 0:
            raise ValueError(f"the weight of {route} is not positive")
    return weights


def drawn(mix: dict[str, float], count: int, seed: int, **fields: object) -> list[Request]:
    """`count` requests to routes in the proportion of their weights, shuffled."""
    routes: list[str] = []
    for route, until in zip(mix, accumulate(mix.values()), strict=True):
        share = until / sum(mix.values())
        routes += [route] * (round(count * share) - len(routes))
    random.Random(seed).shuffle(routes)
    return [request_to(route, number, **fields) for number, route in enumerate(routes)]
