"""Requests as many clients send them over days: every route, any size, some of them nonsense."""

import base64
import io
import json
import random
from collections.abc import Callable

from PIL import Image

from loadtest.routes import PROMPT, Request

NONSENSE = "nonsense"
"""The route of requests that ought to be refused with a 4xx."""

_GENERATIONS, _JSON = "/v1/images/generations", "application/json"
_BOUNDARY = "a-boundary-that-no-picture-has"


def any_request(rng: random.Random) -> Request:
    """The next request; each kind as likely as its weight."""
    kinds, weights = zip(*_KINDS, strict=True)
    kind: Callable[[random.Random], Request] = rng.choices(kinds, weights)[0]
    return kind(rng)


def picture(rng: random.Random, least: int = 8, most: int = 320) -> bytes:
    """A JPEG or PNG of a random content and size, no side over 16 times the other."""
    width = rng.randint(least, most)
    size = width, rng.randint(max(least, -(-width // 16)), min(most, 16 * width))
    colours = Image.frombytes("RGB", (4, 4), rng.randbytes(48))
    out = io.BytesIO()
    colours.resize(size, Image.Resampling.NEAREST).save(out, rng.choice(["JPEG", "PNG"]))
    return out.getvalue()


def _fields(rng: random.Random) -> dict[str, object]:
    width, height = (8 * rng.randint(8, 32) for _ in range(2))
    return {
        "prompt": PROMPT,
        "size": f"{width}x{height}",
        "num_inference_steps": rng.randint(2, 5),
        "seed": rng.randrange(2**32),
    }


def _json(route: str, path: str, body: object) -> Request:
    return Request(route, path, json.dumps(body).encode(), _JSON)


def _generation(rng: random.Random) -> Request:
    fields = _fields(rng) | {"upscale": rng.choice([1, 1, 2]), "caption": rng.random() < 0.2}
    if rng.random() < 0.5:
        fields["control_image"] = base64.b64encode(picture(rng)).decode()
    return _json("generation", _GENERATIONS, fields)


def _stream(rng: random.Random) -> Request:
    previews = rng.randint(0, 3)
    fields = _fields(rng) | {"stream": True, "partial_images": previews, "progress": True}
    return _json("stream with previews" if previews else "stream", _GENERATIONS, fields)


def _edit(rng: random.Random) -> Request:
    fields = {key: value for key, value in _fields(rng).items() if key != "size"}
    body = b""
    for name, value in fields.items():
        body += _part_head(name) + f"{value}\r\n".encode()
    body += _part_head('image"; filename="a.png') + picture(rng, 64, 256) + b"\r\n"
    body += f"--{_BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return Request("edit", "/v1/images/edits", body, kind)


def _part_head(name: str) -> bytes:
    return f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()


def _of_one_image(route: str, path: str, most: int = 640) -> Callable[[random.Random], Request]:
    return lambda rng: Request(route, path, picture(rng, 8, most), "image/jpeg")


def _inference(rng: random.Random) -> Request:
    def tensor(name: str, datatype: str, *data: object) -> dict[str, object]:
        return {"name": name, "datatype": datatype, "shape": [len(data)], "data": list(data)}

    if rng.random() < 0.5:
        steps = tensor("num_inference_steps", "INT32", rng.randint(2, 4))
        inputs = [tensor("prompt", "BYTES", PROMPT), steps]
        return _json("v2", "/v2/models/text_to_image/infer", {"inputs": inputs})
    images = [base64.b64encode(picture(rng)).decode() for _ in range(rng.randint(1, 4))]
    model = rng.choice(["caption", "ensemble"])
    return _json("v2", f"/v2/models/{model}/infer", {"inputs": [tensor("image", "BYTES", *images)]})


def _nonsense(rng: random.Random) -> Request:
    cut = picture(rng, 64)
    wrong: list[tuple[str, bytes, str]] = [
        ("/v1/captions", b"this is no picture", "image/png"),
        ("/v1/upscale", cut[: len(cut) // 2], "image/png"),
        (_GENERATIONS, b'{"prompt": ', _JSON),
        (_GENERATIONS, b'{"prompt": "a", "size": "63x1"}', _JSON),
        (_GENERATIONS, b'{"prompt": "a", "num_inference_steps": -1}', _JSON),
        ("/v2/models/caption/infer", b"{}", _JSON),
        ("/v1/nothing", b"", _JSON),
    ]
    return Request(NONSENSE, *rng.choice(wrong))


_KINDS = (
    (_generation, 3),
    (_stream, 2),
    (_edit, 1),
    (_of_one_image("upscale", "/v1/upscale?scale=2&output_format=jpeg", 160), 2),
    (_of_one_image("captions", "/v1/captions"), 3),
    (_of_one_image("canny", "/v1/canny"), 2),
    (_of_one_image("classify", "/v1/classify"), 2),
    (_inference, 2),
    (_nonsense, 1),
)
