"""Masks of edits: what they cover, how large the answer is, and what is no mask."""

import io

import numpy as np
import pytest
from PIL import Image

from serve_app.imaging import masks
from tests.images import encoded, in_base64, jpeg, sketch
from tests.service import Service, assert_refused, events_of

WIDTH, HEIGHT = 100, 60
IMAGE = encoded(sketch(WIDTH, HEIGHT))
HOLE = np.zeros((HEIGHT, WIDTH), np.uint8)
HOLE[20:40, 50:70] = 255


def transparent(hole=HOLE, mode="RGBA"):
    """A mask as OpenAI has it: the picture with a hole."""
    image = sketch(hole.shape[1], hole.shape[0]).convert("RGBA")
    image.putalpha(Image.fromarray(255 - hole))
    return encoded(image.convert(mode))


def white(hole=HOLE, mode="L"):
    """A mask as diffusers has it."""
    return encoded(Image.fromarray(hole).convert(mode))


def mask_of(request):
    return np.asarray(Image.open(io.BytesIO(request.mask_image)))


SENT = {
    "a hole": {"mask": transparent()},
    "grey with a hole": {"mask": transparent(mode="LA")},
    "white": {"mask_image": white()},
    "white, in colours": {"mask_image": white(mode="RGB")},
    "white, one bit": {"mask_image": white(mode="1")},
}


@pytest.mark.parametrize("name", SENT)
def test_a_mask_covers_what_is_transparent_or_what_is_white(service, name):
    response = service.edit({"image": IMAGE} | SENT[name])
    assert response.status_code == 200, response.text
    request = service.request
    assert np.array_equal(mask_of(request), HOLE)
    assert request.image == IMAGE and request.region is None
    assert (request.width, request.height) == (112, 64), "the model's own area"


def test_a_canvas_with_transparent_borders_is_its_own_mask(service):
    canvas = transparent()
    assert service.edit({"image": canvas, "mask": canvas}).status_code == 200
    assert np.array_equal(mask_of(service.request), HOLE)
    assert service.request.image == canvas


def test_what_is_masked_is_made_anew_unless_strength_says_how_much(service):
    service.edit({"image": IMAGE, "mask": transparent()})
    assert service.request.strength == 1.0
    service.edit({"image": IMAGE, "mask": transparent()}, strength="0.5")
    assert service.request.strength == 0.5
    service.edit({"image": IMAGE})
    assert service.request.strength == service.args.defaults.strength


def test_a_soft_rim(service):
    service.edit({"image": IMAGE, "mask_image": white()}, mask_blur="2.5")
    assert np.array_equal(mask_of(service.request), masks.blurred(HOLE, 2.5))


def test_a_region_is_generated_in_place_of_the_image_and_its_edges_are_found_there(service):
    files = {"image": IMAGE, "mask_image": white(), "control_image": jpeg()}
    service.edit(files, padding_mask_crop="4")
    region = masks.region_of(HOLE, 112, 64, 4)
    assert service.request.region == service.control.region == region
    assert (region.width, region.height) == (100, 60) and region.top == 16
    assert service.control.size == (service.request.width, service.request.height)
    service.edit(files)
    assert service.request.region is service.control.region is None


@pytest.mark.parametrize(
    ("fields", "resized", "upscale"),
    [
        ({}, None, 1),
        ({"size": "auto"}, None, 1),
        ({"size": "1024x1024"}, (1024, 1024), 1),
        ({"size": "64x64"}, (64, 64), 1),
        ({"upscale": "4"}, None, 4),
        ({"size": "64x64", "upscale": "4"}, (256, 256), 4),
    ],
)
def test_the_answer_has_the_images_size_or_the_one_that_was_asked_for(fields, resized, upscale):
    service = Service(max_edit_pixels=WIDTH * HEIGHT)
    response = service.edit({"image": IMAGE, "mask": transparent()}, **fields)
    assert response.status_code == 200, response.text
    assert [call[1] for call in service.handles["upscaler"].calls] == [4] * (upscale > 1)
    if resized:
        assert response.json()["size"] == f"{resized[0]}x{resized[1]}"
    assert service.request.width * service.request.height <= 128 * 64


def test_an_image_of_one_of_openais_sizes_is_not_resized(service):
    hole = np.full((256, 256), 255, np.uint8)
    response = service.edit(
        {"image": encoded(sketch(256, 256)), "mask": transparent(hole)}, size="256x256"
    )
    assert response.status_code == 200
    assert not service.handles["upscaler"].calls


OPAQUE = np.zeros_like(HOLE)


@pytest.mark.parametrize(
    ("files", "fields", "status", "param", "says"),
    [
        ({"mask": transparent(OPAQUE)}, {}, 400, "mask", "no pixel of the mask is transparent"),
        ({"mask": white()}, {}, 400, "mask", "alpha channel"),
        ({"mask": jpeg()}, {}, 400, "mask", "of the image's size"),
        ({"mask": transparent(HOLE[:50])}, {}, 400, "mask", "100x50"),
        ({"mask_image": white(HOLE[:, :50])}, {}, 400, "mask_image", "50x60"),
        ({"mask_image": white(OPAQUE)}, {}, 400, "mask_image", "no pixel of the mask is white"),
        ({"mask_image": white(HOLE // 3)}, {}, 400, "mask_image", "white"),
        ({"mask": b"no image"}, {}, 415, "mask", "image"),
        ({"mask": b""}, {}, 422, "mask", "no image"),
        ({"mask": transparent()[:150]}, {}, 400, "mask", "truncated"),
        ({"mask": transparent(), "mask_image": white()}, {}, 400, "mask_image", "one mask"),
        ({}, {"mask": in_base64(transparent())}, 422, "mask", "no file"),
        ({}, {"mask_blur": "3"}, 400, "mask_blur", "mask"),
        ({}, {"padding_mask_crop": "3"}, 400, "padding_mask_crop", "mask"),
        ({"mask": transparent()}, {"mask_blur": "-1"}, 422, "mask_blur", "0"),
    ],
)
def test_what_is_no_mask_is_refused_with_what_to_send(service, files, fields, status, param, says):
    response = service.edit({"image": IMAGE} | files, **fields)
    assert_refused(response, status, param=param)
    assert says in response.json()["error"]["message"]
    assert not service.handles["generator"].calls


def test_a_field_that_is_left_empty_is_left_out(service):
    assert service.edit({"image": IMAGE}, mask="", mask_blur="").status_code == 200
    assert service.request.mask_image is None


def test_limits_of_a_masked_image():
    service = Service(max_edit_pixels=WIDTH * HEIGHT - 1)
    response = service.edit({"image": IMAGE, "mask": transparent()})
    assert_refused(response, 400, param="image")
    assert service.edit({"image": IMAGE}).status_code == 200
    service = Service(max_upscale_pixels=WIDTH * HEIGHT - 1)
    response = service.edit({"image": IMAGE, "mask": transparent()}, upscale="4", size="64x64")
    assert_refused(response, 400, param="upscale")


def test_a_refused_mask_of_a_stream(service):
    response = service.edit({"image": IMAGE, "mask": white()}, stream="true")
    assert_refused(response, 400, param="mask")
    response = service.edit({"image": IMAGE, "mask": transparent()}, stream="true")
    assert events_of(response)[-1][0] == "image_edit.completed"
