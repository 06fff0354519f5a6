"""Routes about pictures that are there already."""

import pytest

from tests.images import encoded, from_base64, in_base64, sketch
from tests.service import Service
from tests.webui import PICTURE, assert_refused, txt2img

SMALL = in_base64(encoded(sketch(32, 16)))


def post(service, path, **body):
    return service.http.post(path, json=body)


def enlarge(service, image=SMALL, **fields):
    body = {"image": image, "upscaler_1": "Swin2SR 4x"} | fields
    return service.http.post("/sdapi/v1/extra-single-image", json=body)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (64, 32)),
        ({"upscaling_resize": 4}, (128, 64)),
        ({"upscaling_resize": 1.5}, (48, 24)),
        ({"resize_mode": 1, "upscaling_resize_w": 96, "upscaling_resize_h": 10}, (96, 48)),
        ({"upscaler_1": "None"}, (32, 16)),
    ],
)
def test_enlarging(service, fields, size):
    made = enlarge(service, **fields).json()
    assert from_base64(made["image"]).size == size and made["html_info"] == ""


def test_what_comes_back_unchanged_is_bare_base64(service):
    url = f"data:image/png;base64,{SMALL}"
    assert enlarge(service, image=url, upscaler_1="None").json()["image"] == SMALL
    made = post(service, "/controlnet/detect", controlnet_input_images=[url])
    assert made.json()["images"] == [SMALL]


def test_what_has_no_effect_is_said(service):
    made = enlarge(service, upscaler_1="R-ESRGAN 4x+", gfpgan_visibility=0.5).json()
    assert made["html_info"] == "<p>ignored: gfpgan_visibility, upscaler_1</p>"


def test_too_large(service):
    size = {"resize_mode": 1, "upscaling_resize_w": 4096}
    assert_refused(enlarge(service, **size), 400, "upscaling_resize_w")
    assert_refused(enlarge(service, upscaling_resize=8), 422, "upscaling_resize")
    assert_refused(enlarge(service, image="!"), 422, "image")
    assert_refused(enlarge(Service({"webui": True}, max_upscale_pixels=100)), 400, "image")


def test_without_an_upscaler(service):
    models = service.args.models.model_dump(mode="json") | {"upscaler": {}}
    assert_refused(enlarge(Service({"webui": True, "models": models})), 400, "upscaler_1")


def test_several(service):
    images = [{"data": SMALL, "name": "a.png"}] * 2
    path = "/sdapi/v1/extra-batch-images"
    made = post(service, path, imageList=images, upscaler_1="Swin2SR 4x")
    assert [from_base64(image).size for image in made.json()["images"]] == [(64, 32)] * 2
    assert_refused(post(service, path, imageList=images * 17), 400, "imageList")


def test_a_caption(service):
    made = post(service, "/sdapi/v1/interrogate", image=PICTURE, model="clip")
    assert made.json() == {"caption": "a red circle"}
    assert_refused(post(service, "/sdapi/v1/interrogate"), 422, "image")


def test_the_parameters_of_a_png(service):
    (image,) = txt2img(service, seed=7, negative_prompt="blur").json()["images"]
    found = post(service, "/sdapi/v1/png-info", image=image).json()
    assert found["info"].startswith("a red circle\nNegative prompt: blur\nSteps: ")
    assert found["parameters"]["Seed"] == "7" and found["items"] == {}
    nothing = {"info": "", "items": {}, "parameters": {}}
    assert post(service, "/sdapi/v1/png-info", image=PICTURE).json() == nothing
    assert post(service, "/sdapi/v1/png-info", image=SMALL).json() == nothing


def test_edges(service):
    body = {"controlnet_module": "canny", "controlnet_threshold_a": 50}
    made = post(service, "/controlnet/detect", controlnet_input_images=[PICTURE], **body).json()
    assert from_base64(made["images"][0]).mode == "L" and made["info"] == "Success"
    assert (service.control.low_threshold, service.control.high_threshold) == (50, 200)
    made = post(service, "/controlnet/detect", controlnet_images=[PICTURE]).json()
    assert made["images"] == [PICTURE]
    refused = post(
        service, "/controlnet/detect", controlnet_input_images=[PICTURE], controlnet_module="x"
    )
    assert_refused(refused, 400, "controlnet_module")
