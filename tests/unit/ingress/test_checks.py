"""Checks that every surface shares."""

import time

import pytest

from serve_app.errors import InvalidField
from serve_app.ingress.checks import from_base64
from tests.images import encoded, jpeg, sketch
from tests.service import GENERATIONS, Service, assert_refused


@pytest.mark.parametrize("text", [" \n" * 2_000_000, "AA== " * 800_000, "é" * 100, "A", "=" * 99])
def test_base64_costs_little_however_it_is_spread(text):
    began = time.process_time()
    try:
        from_base64(text, "image")
    except InvalidField as error:
        assert error.param == "image"
    assert time.process_time() - began < 0.2


def test_blanks_anywhere_are_taken():
    assert from_base64("data:image/png;base64,aGVs\r\n bG8\t=\v\f", "image") == b"hello"


def test_a_lone_surrogate_and_a_null_byte_do_no_harm(service):
    for text, status in (('"\\ud800"', 400), ('"a\\u0000b"', 200)):
        content = f'{{"prompt": {text}}}'
        response = service.http.post(
            GENERATIONS, content=content, headers={"content-type": "application/json"}
        )
        assert response.status_code == status


def test_a_format_that_cannot_hold_the_side_is_refused_before_work():
    service = Service(max_upscale_pixels=10**8, max_aspect_ratio=100)
    wide = encoded(sketch(4100, 60))
    response = service.http.post("/v1/upscale?output_format=webp", content=wide)
    assert_refused(response, 400, param="output_format")


def test_limits_are_checked_before_work():
    service = Service(max_body_bytes=100_000, max_image_pixels=1000, max_upscale_pixels=600)
    assert_refused(service.http.post("/caption", content=b"x" * 100_001), 413, "body_too_large")
    chunks = (b"x" * 1000 for _ in range(101))  # no Content-Length
    assert_refused(service.http.post("/caption", content=chunks), 413, "body_too_large")
    assert_refused(service.http.post("/caption", content=jpeg()), 413, "image_too_large", "image")
    small = encoded(sketch(30, 30))
    assert_refused(service.http.post("/v1/upscale", content=small), 400, param="scale")
    assert not any(handle.calls for handle in service.handles.values())
