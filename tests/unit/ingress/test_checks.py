"""Checks that every surface shares."""

import time

import pytest

from serve_app.errors import InvalidField, InvalidImage, InvalidRequest, QueueFull, UnsupportedImage
from serve_app.ingress import checks
from serve_app.ingress.checks import from_base64
from tests import fakes
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


# without the API

LIMITS = fakes.app_args(max_aspect_ratio=3).limits


def test_an_images_header_is_what_is_checked():
    header = checks.checked_image(encoded(sketch(90, 30)), LIMITS, "image")
    assert (header.format, header.width, header.height) == ("PNG", 90, 30)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", InvalidField),
        (b"no image", UnsupportedImage),
        (encoded(sketch(93, 30)), InvalidRequest),
        (encoded(sketch(30, 93)), InvalidRequest),
    ],
)
def test_an_image_that_is_none_or_too_long_is_refused_by_its_field(data, kind):
    with pytest.raises(kind) as refused:
        checks.checked_image(data, LIMITS, "control_image")
    assert refused.value.param == "control_image"


def test_an_error_of_an_image_gets_the_fields_name_unless_it_has_one():
    for given, expected in ((None, "image"), ("control_image", "control_image")):
        with pytest.raises(InvalidImage) as refused, checks.naming_field("image"):
            raise InvalidImage("truncated").about(given)
        assert refused.value.param == expected
    with pytest.raises(QueueFull) as refused, checks.naming_field("image"):
        raise QueueFull("full")
    assert refused.value.param is None, "that is not the image's fault"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None), (100, 200)),
        ((0, None), (0, 200)),
        ((None, 255), (100, 255)),
        ((7, 7), (7, 7)),
    ],
)
def test_thresholds_that_are_left_out_are_the_configurations(given, expected):
    assert checks.thresholds(*given, fakes.app_args()) == expected


def test_crossed_thresholds_are_refused_under_the_surfaces_own_name():
    with pytest.raises(InvalidRequest, match="201 is over the high one 200") as refused:
        checks.thresholds(201, None, fakes.app_args(), "canny_")
    assert refused.value.param == "canny_low_threshold"


@pytest.mark.parametrize("text", ["x" * 2000, "größe 星 😀"])
def test_prompts_of_any_characters_are_taken_to_the_limit(text):
    checks.check_prompt(text, LIMITS, "text")


@pytest.mark.parametrize("text", ["x" * 2001, "\ud83d alone"])
def test_other_prompts_are_refused_by_their_field(text):
    with pytest.raises(InvalidRequest) as refused:
        checks.check_prompt(text, LIMITS, "text")
    assert refused.value.param == "text"
