"""What a client is told that goes over a limit: the field, what it sent, the limit, whose it is."""

import numpy as np
import pytest
from PIL import Image

from serve_app.config import Limits
from serve_app.ingress.schema import MAX_SEED
from tests.images import encoded, in_base64, sketch
from tests.service import EDITS, GENERATIONS, Service

IMAGE = encoded(sketch(64, 32))
WIDE = encoded(sketch(300, 10))
MASK = encoded(Image.fromarray(np.full((32, 64), 255, np.uint8)))
MASKED = {"files": {"image": IMAGE, "mask_image": MASK}, "data": {"prompt": "x"}}


def field(**fields):
    return GENERATIONS, {"json": {"prompt": "x"} | fields}


TOLD = {
    "max_body_bytes": [
        (2000, (GENERATIONS, {"content": b" " * 3000}), "the body has 3 KiB; at most 2 KiB"),
        (
            2000,
            (GENERATIONS, {"content": iter([b" " * 1500, b" " * 1500])}),
            "the body has 3 KiB so far; at most 2 KiB",
        ),
    ],
    "max_image_pixels": [
        (
            1000,
            field(control_image=in_base64(IMAGE)),
            "control_image: the image has 64x32 pixels; at most 1000 in all",
        ),
        (1000, ("/v1/captions", {"content": IMAGE}), "the image has 64x32 pixels; at most 1000"),
    ],
    "max_aspect_ratio": [
        (
            20,
            ("/caption", {"content": WIDE}),
            "the image has 300x10 pixels: one side is 30 times as long as the other; "
            "at most 20 times",
        ),
    ],
    "max_upscale_pixels": [
        (
            2000,
            ("/v1/upscale", {"content": IMAGE}),
            "scale: the image to enlarge has 64x32 pixels; at most 2000 in all",
        ),
        (
            2000,
            field(upscale=4),
            "upscale: the image to enlarge has 128x64 pixels; at most 2000 in all",
        ),
    ],
    "max_edit_pixels": [
        (
            2000,
            (EDITS, MASKED),
            "the image to edit with a mask has 64x32 pixels; at most 2000 in all",
        ),
    ],
    "max_side": [
        (256, field(size="264x8"), "size: 264x8 pixels are asked for; at most 256 a side"),
    ],
    "max_pixels": [
        (
            128 * 64,
            field(size="128x72"),
            "size: 128x72 pixels are asked for; at most 8192 in all",
        ),
    ],
    "max_prompt_chars": [
        (5, field(prompt="123456"), "prompt has 6 characters; at most 5"),
        (5, field(negative_prompt="1" * 9), "negative_prompt has 9 characters; at most 5"),
        (
            5,
            (
                "/generation",
                {
                    "json": {
                        "request_id": 1,
                        "text": "123456",
                        "random_seed": 1,
                        "input_image_base64": in_base64(IMAGE),
                    }
                },
            ),
            "text has 6 characters; at most 5",
        ),
    ],
    "max_steps": [
        (
            9,
            field(num_inference_steps=10),
            "num_inference_steps: 10 steps are asked for; at most 9",
        ),
    ],
    "max_images": [(2, field(n=3), "n: 3 images are asked for; at most 2")],
    "max_batch_items": [
        (
            2,
            (
                "/v2/models/caption/infer",
                {
                    "json": {
                        "inputs": [
                            {"name": "image", "datatype": "BYTES", "shape": [3], "data": [""] * 3}
                        ]
                    }
                },
            ),
            "image: the shape is [-1], and not [3]; -1 stands for 1 to 2",
        ),
        (
            2,
            ("/controlnet/detect", {"json": {"controlnet_input_images": ["", "", ""]}}),
            "controlnet_input_images: 3 images; at most 2",
        ),
    ],
    "max_pending_images": [
        (
            1,
            field(n=2),
            "0 images are in progress, which leaves no slot for 2 more; at most 1",
        ),
    ],
}
ELSEWHERE = {
    "request_timeout_s": "tests/unit/test_pipeline.py, tests/unit/ingress/middleware/test_body.py",
    "read_timeout_s": "tests/unit/ingress/middleware/test_body.py",
    "write_timeout_s": "the connection is closed: there is nobody to tell",
}


def test_every_limit_is_told():
    assert TOLD.keys() | ELSEWHERE.keys() == Limits.model_fields.keys()


@pytest.mark.parametrize(
    ("name", "value", "asked", "words"),
    [(name, *case) for name, cases in TOLD.items() for case in cases],
)
def test_a_limit(name, value, asked, words):
    service = Service(settings={"webui": True, "limits": {name: value}})
    path, sent = asked
    headers = {"content-type": "application/json"} if "content" in sent else {}
    answer = service.http.post(path, headers=headers, **sent)
    assert answer.status_code in (400, 413, 429)
    error = answer.json()["error"]
    message = error if isinstance(error, str) else error["message"]
    assert message.startswith(words)
    assert message.endswith(f"(limits.{name}, set by the service's operator)")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (field(size="100x64"), "size: width and height are multiples of 8, and 100x64 is asked"),
        (field(size="big"), 'a size is "auto" or "WxH", for example "512x512", and not \'big\''),
        (field(seed=MAX_SEED, n=2), "the last image's seed would be 9223372036854775808; at most"),
        (field(upscale=2), "upscale: upscaling by 2 is not served here; 4 is"),
        (field(guidance_scale=60), "guidance_scale: Input should be less than or equal to 50; se"),
        (field(steps=3, strength="a"), 'strength: Input should be a valid number; sent: "a"'),
        ((GENERATIONS, {"json": {}}), "prompt: Field required"),
        ((f"/v1/models?{'a' * 9000}", {}), "the query has 9000 bytes; at most 8192: send fields"),
        ((GENERATIONS, {"json": {"prompt": [""] * 10_001}}), "the JSON holds more than 10000 val"),
    ],
)
def test_what_no_setting_changes(asked, words):
    path, sent = asked
    answer = Service().http.post(path, **sent)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"].startswith(words)


@pytest.mark.parametrize("prompt", ["", "  ", "\n"])
def test_an_empty_prompt_is_a_prompt(prompt):
    service = Service()
    assert service.generate(prompt=prompt).status_code == 200
    assert service.request.prompt == prompt
    assert service.edit(prompt=prompt).status_code == 200
    body = {"request_id": 1, "random_seed": 1, "input_image_base64": in_base64(IMAGE)}
    assert service.http.post("/generation", json=body | {"text": prompt}).status_code == 200
