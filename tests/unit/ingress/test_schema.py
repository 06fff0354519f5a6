"""Types are strict, and the field at fault is named."""

import pytest

from tests.service import GENERATIONS, assert_refused


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"seed": "1"}, "seed"),
        ({"seed": -2}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"n": 0}, "n"),
        ({"upscale": 3}, "upscale"),
        ({"upscale": True}, "upscale"),
        ({"upscale": 4.0}, "upscale"),
        ({"guidance_scale": "high"}, "guidance_scale"),
        ({"output_format": "gif"}, "output_format"),
        ({"control_image": "***"}, "control_image"),
        ({"caption": "yes"}, "caption"),
    ],
)
def test_a_wrong_type_is_a_422_that_names_the_field(service, fields, param):
    assert_refused(service.generate(**fields), 422, "invalid_field", param)


HUGE = "1" + "0" * 400
LONGER = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize("field", ["deadline_ms", "n", "seed", "priority", "num_inference_steps"])
@pytest.mark.parametrize("number", [HUGE, f"-{HUGE}", LONGER])
def test_a_huge_integer_is_refused(service, field, number):
    response = service.send_json(f'{{"prompt": "x", "{field}": {number}}}')
    assert response.status_code in (400, 422)
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("number", [HUGE, "1e999", "NaN", "-Infinity"])
def test_a_huge_number_is_refused(service, number):
    response = service.send_json(f'{{"prompt": "x", "guidance_scale": {number}}}')
    assert_refused(response, 422, "invalid_field", "guidance_scale")


def test_not_a_number_is_refused(service):
    for literal in ("NaN", "Infinity", "-Infinity"):
        content = f'{{"prompt": "x", "guidance_scale": {literal}}}'
        headers = {"content-type": "application/json"}
        assert_refused(
            service.http.post(GENERATIONS, content=content, headers=headers),
            422, "invalid_field", "guidance_scale",
        )  # fmt: skip
