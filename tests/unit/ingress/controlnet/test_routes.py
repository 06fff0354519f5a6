"""`POST /generation`."""

import io

import pytest

from tests.images import from_base64, in_base64, jpeg
from tests.service import assert_refused


@pytest.mark.parametrize("path", ["/generation", "/generation/"])
def test_generation_answers_directly_with_an_rgb_image(service, path):
    body = {
        "request_id": 5,
        "text": "a red circle",
        "input_image_base64": in_base64(jpeg()),
        "random_seed": 11,
    }
    response = service.http.post(path, json=body, follow_redirects=False)
    assert response.status_code == 200
    assert set(response.json()) == {"request_id", "output_image_base64"}
    assert response.json()["request_id"] == 5
    image = from_base64(response.json()["output_image_base64"])
    assert image.mode == "RGB"
    image.save(io.BytesIO(), "JPEG")
    assert service.request.seed == 11
    assert service.control.size == (service.request.width, service.request.height)
    for stage in ("queue", "canny", "generate", "encode"):
        assert f"{stage};dur=" in response.headers["server-timing"]


def test_generation_takes_a_data_url_with_line_breaks_and_any_integer_seed(service):
    text = in_base64(jpeg())
    wrapped = "data:image/jpeg;base64," + "\n".join(
        text[at : at + 76] for at in range(0, len(text), 76)
    )
    body = {"request_id": 1, "text": "", "input_image_base64": wrapped, "random_seed": -3}
    assert service.http.post("/generation", json=body).status_code == 200
    assert service.request.seed == 2**63 - 3


def test_generation_names_the_field_at_fault(service):
    body = {"request_id": 1, "text": "x", "input_image_base64": "%%%", "random_seed": 1}
    post = service.http.post
    assert_refused(post("/generation", json=body), 422, "invalid_field", "input_image_base64")
    body["input_image_base64"] = in_base64(b"no image")
    assert_refused(post("/generation", json=body), 415, "unsupported_image", "input_image_base64")
    body["request_id"] = "1"
    assert_refused(post("/generation", json=body), 422, "invalid_field", "request_id")
    del body["request_id"]
    assert_refused(post("/generation", json=body), 422, "invalid_field", "request_id")


def test_a_huge_request_id_comes_back(service):
    body = {"text": "", "input_image_base64": in_base64(jpeg()), "random_seed": 10**400}
    response = service.http.post("/generation", json=body | {"request_id": 10**400})
    assert response.status_code == 200
    assert response.json()["request_id"] == 10**400
