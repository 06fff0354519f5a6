"""Single stages: their answers and refusals."""

import io

import pytest
from PIL import Image

from tests.images import jpeg
from tests.service import assert_refused


def test_caption_is_plain_text(service):
    response = service.http.post("/caption", content=jpeg())
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "a red circle"


def test_classify_tells_a_label_and_the_probability_of_each(service):
    response = service.http.post("/v1/classify", content=jpeg())
    body = response.json()
    assert set(body) == {"label", "probabilities", "timings"}
    assert body["label"] == "circle"
    assert body["probabilities"] == {"circle": 0.75, "square": 0.25}
    assert "classify;dur=" in response.headers["server-timing"]


def test_canny_is_a_png_of_one_channel(service):
    response = service.http.post("/v1/canny?low_threshold=5&high_threshold=9", content=jpeg())
    assert response.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(response.content)).mode == "L"
    assert (service.control.low_threshold, service.control.high_threshold) == (5, 9)


def test_upscale_answers_in_the_format_asked_for(service):
    response = service.http.post("/v1/upscale?scale=4&output_format=jpeg", content=jpeg())
    assert response.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("path", "content", "status", "param"),
    [
        ("/v1/captions", b"", 422, "image"),
        ("/caption", b"no image", 415, "image"),
        ("/v1/classify", b"no image", 415, "image"),
        ("/v1/canny?low_threshold=300", b"", 422, "low_threshold"),
        ("/v1/canny?low_threshold=9&high_threshold=5", None, 400, "low_threshold"),
        ("/v1/upscale?scale=3", None, 422, "scale"),
        ("/v1/upscale?scale=2", None, 400, "scale"),
    ],
)
def test_stage_refusals(service, path, content, status, param):
    content = jpeg() if content is None else content
    assert_refused(service.http.post(path, content=content), status, param=param)
