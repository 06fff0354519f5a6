"""The form of an image edit."""

import pytest

from tests.images import encoded, in_base64, jpeg, sketch
from tests.service import assert_refused


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_an_edit_starts_from_the_image(service, name):
    picture = encoded(sketch(64, 32))
    response = service.edit(
        {name: picture}, strength="0.5", n="2", num_inference_steps="7", caption="true",
        unknown="ignored", seed="",
    )  # fmt: skip
    assert response.status_code == 200, response.text
    assert len(response.json()["data"]) == 2
    assert response.json()["data"][0]["caption"] == "a red circle"
    request = service.request
    assert (request.image, request.strength, request.num_inference_steps) == (picture, 0.5, 7)
    assert (request.width, request.height) == (128, 64)
    assert not service.handles["canny"].calls


def test_an_edit_along_edges(service):
    files = {"image": encoded(sketch(64, 32)), "control_image": jpeg()}
    assert service.edit(files, size="64x64").status_code == 200
    assert service.control.image == files["control_image"]
    assert service.request.image == files["image"]
    assert service.edit(control_image=in_base64(jpeg())).status_code == 200
    assert service.control.image == jpeg()


@pytest.mark.parametrize(
    ("files", "fields", "status", "param"),
    [
        ({"image": b""}, {}, 422, "image"),
        ({"other": b"x"}, {}, 422, "image"),
        ({"image": b"no image"}, {}, 415, "image"),
        (None, {"strength": "2"}, 422, "strength"),
        (None, {"n": "many"}, 422, "n"),
        (None, {"n": "99"}, 400, "n"),
        (None, {"control_image": "not base64!"}, 422, "control_image"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_by_its_field(service, files, fields, status, param):
    assert_refused(service.edit(files, **fields), status, param=param)


def test_two_images_or_no_form_are_no_edit(service):
    two = [("image", encoded(sketch(64, 32)))] * 2
    assert_refused(service.edit(two), 400, param="image")
    assert_refused(service.http.post("/v1/images/edits", json={"prompt": "x"}), 422, param="image")


def test_a_field_that_is_no_text_names_nothing_of_the_service(service):
    files = {"image": encoded(sketch(64, 32)), "prompt": (None, b"\xff\xfe")}
    assert_refused(service.http.post("/v1/images/edits", files=files), 400, "invalid_request")
