"""Large pictures on every route: none is too large to travel between replicas."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.images import PROMPT, encoded, from_base64, in_base64

GENERATIONS = "/v1/images/generations"
ONE_STEP = {"prompt": PROMPT, "num_inference_steps": 1, "seed": 5}


@pytest.fixture(scope="module")
def photograph() -> bytes:
    """A JPEG of 12 megapixels, about 10 MB, as cameras make them: all of it detail."""
    y, x = np.mgrid[:3000, :4000]
    scene = np.stack([x * 255 / 4000, y * 255 / 3000, (x + y) * 255 / 7000], axis=-1)
    grain = np.random.default_rng(1).normal(0, 50, scene.shape)
    data = encoded(
        Image.fromarray((scene + grain).clip(0, 255).astype(np.uint8)), "JPEG", quality=92
    )
    assert 8_000_000 < len(data) < 14_000_000
    return data


@pytest.mark.parametrize(
    "path", ["/v1/canny", "/v1/captions", "/caption", "/v1/classify"], ids=lambda path: path
)
def test_a_photograph_to_a_single_stage(service, photograph, path):
    response = service.post(path, data=photograph)
    assert response.status_code == 200, response.text
    if path == "/v1/canny":
        assert Image.open(io.BytesIO(response.content)).size == (4000, 3000)


def test_a_photograph_steers_a_generation(service, photograph):
    body = ONE_STEP | {"control_image": in_base64(photograph)}
    response = service.post(GENERATIONS, json=body)
    assert response.status_code == 200, response.text
    body = {"request_id": 1, "input_image_base64": in_base64(photograph), "text": PROMPT,
            "random_seed": 5}  # fmt: skip
    response = service.post("/generation", json=body)
    assert response.status_code == 200, response.text


def test_a_photograph_is_edited_and_steers_the_edit(service, photograph):
    files = {"image": ("a.jpg", photograph), "control_image": ("b.jpg", photograph)}
    fields = ONE_STEP | {"strength": 1.0}  # all of its one step
    response = service.post("/v1/images/edits", data=fields, files=files)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("model", ["caption", "ensemble", "controlnet"])
def test_a_photograph_by_open_inference(service, photograph, model):
    """The encoded image as the only element of a BYTES tensor, in binary data."""
    raw = len(photograph).to_bytes(4, "little") + photograph
    image = {
        "name": "image", "datatype": "BYTES", "shape": [1],
        "parameters": {"binary_data_size": len(raw)},
    }  # fmt: skip
    prompt = {"name": "prompt", "datatype": "BYTES", "shape": [1], "data": [PROMPT]}
    inputs = [image, prompt] if model == "controlnet" else [image]
    header = json.dumps({"inputs": inputs}).encode()
    response = service.post(
        f"/v2/models/{model}/infer",
        data=header + raw,
        headers={"Inference-Header-Content-Length": str(len(header))},
    )
    assert response.status_code == 200, response.text


def test_upscaling_to_2048_pixels_a_side(service):
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
    response = service.post("/v1/upscale?scale=4", data=encoded(Image.fromarray(noise)))
    assert response.status_code == 200, response.text
    assert Image.open(io.BytesIO(response.content)).size == (2048, 2048)


@pytest.mark.parametrize(
    ("size", "upscale", "side"), [("512x512", 4, 2048), ("1024x1024", 1, 1024)]
)
def test_four_large_pictures_in_one_request(service, size, upscale, side):
    body = ONE_STEP | {"n": 4, "size": size, "upscale": upscale, "native": True}
    response = service.post(GENERATIONS, json=body)
    assert response.status_code == 200, response.text
    images = [from_base64(image["b64_json"]) for image in response.json()["data"]]
    assert [image.size for image in images] == [(side, side)] * 4
