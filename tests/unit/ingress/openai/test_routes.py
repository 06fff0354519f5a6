"""OpenAI's routes: what reaches the stages, what comes back."""

import pytest

from tests.images import encoded, from_base64, in_base64, jpeg, sketch
from tests.service import assert_refused


def test_the_configured_defaults_fill_in(service):
    response = service.generate()
    assert response.status_code == 200
    body = response.json()
    assert body["size"] == "128x64" and body["output_format"] == "png"
    assert isinstance(body["created"], int)
    assert set(body["timings"]) == {"queue", "generate", "encode"}
    assert service.request.num_inference_steps == service.args.defaults.num_inference_steps


def test_everything_that_is_asked_for_reaches_the_stages(service):
    response = service.generate(
        n=2, size="64x96", seed=5, negative_prompt="blur", num_inference_steps=7,
        guidance_scale=2, controlnet_conditioning_scale=0.5, canny_low_threshold=10,
        canny_high_threshold=20, control_image=in_base64(jpeg()), upscale=4, caption=True,
        output_format="webp", output_compression=30, user="me", quality="high", new_field=1,
    )  # fmt: skip
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    assert [item["seed"] for item in data] == [5, 6]
    assert [item["caption"] for item in data] == ["a red circle"] * 2
    assert from_base64(data[0]["b64_json"]).format == "WEBP"
    assert response.json()["size"] == "512x256"
    request = service.request
    assert (request.width, request.height, request.num_inference_steps) == (64, 96, 7)
    assert (request.negative_prompt, request.guidance_scale) == ("blur", 2)
    assert request.controlnet_conditioning_scale == 0.5
    assert (service.control.low_threshold, service.control.high_threshold) == (10, 20)


def test_a_seed_is_made_and_told_where_none_is_given(service):
    seeds = {service.generate().json()["data"][0]["seed"] for _ in range(5)}
    assert len(seeds) == 5


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": "100x100"}, "size"),
        ({"size": "4096x64"}, "size"),
        ({"size": "big"}, "size"),
        ({"size": "0x0"}, "size"),
        ({"model": "dall-e-3"}, "model"),
        ({"response_format": "url"}, "response_format"),
        ({"n": 5}, "n"),
        ({"num_inference_steps": 101}, "num_inference_steps"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"negative_prompt": "x" * 2001}, "negative_prompt"),
        ({"upscale": 2}, "upscale"),
        ({"upscale": 4, "size": "1024x1024"}, "upscale"),
        ({"seed": 2**63 - 1, "n": 2}, "seed"),
        ({"control_image": in_base64(encoded(sketch(21, 1)))}, "control_image"),
    ],
)
def test_the_impossible_is_a_400_that_names_the_field(service, fields, param):
    assert_refused(service.generate(**fields), 400, param=param)
    assert not service.handles["generator"].calls
