"""The parameters inside a PNG."""

from dataclasses import replace

from serve_app import __version__
from serve_app.imaging.png_parameters import (
    SAMPLER_NAMES,
    hash_of,
    parameters_of,
    read_parameters,
)
from serve_app.ingress.webui.samplers import sampler_of
from serve_app.messages import MaskSource
from tests import fakes
from tests.images import encoded, from_base64, in_base64, sketch
from tests.pipelines import CONTROL, REQUEST
from tests.service import Service, events_of

ARGS = fakes.app_args()


def text_of(request, **more):
    (text,) = parameters_of(request, [9], ARGS, **more)
    return text


def test_a_png_carries_its_parameters():
    service = Service()
    made = service.generate(seed=7, negative_prompt="größe 星", num_inference_steps=9, n=2)
    for image, seed in zip(made.json()["data"], (7, 8), strict=True):
        text = from_base64(image["b64_json"]).text["parameters"]
        assert text.startswith("a red circle\nNegative prompt: größe 星\nSteps: 9, Sampler: DDIM")
        assert f"Seed: {seed}, Size: 128x64, Model: demo" in text
    event = events_of(service.generate(stream=True))[-1][1]
    assert "parameters" in from_base64(event["b64_json"]).text


def test_a_switch_leaves_the_parameters_out():
    service = Service(settings={"embed_parameters": False})
    assert not from_base64(service.generate().json()["data"][0]["b64_json"]).text


def test_the_text_is_what_image_tools_read():
    assert text_of(replace(REQUEST, negative_prompt="blur", prompt="a\nb")) == (
        "a\nb\nNegative prompt: blur\n"
        "Steps: 4, Sampler: DDIM, CFG scale: 3.0, Seed: 9, Size: 128x64, Model: demo, "
        f"Guidance end: 1.0, Latent clamp: False, Backend: eager, Version: {__version__}"
    )


def test_what_else_made_the_picture():
    request = replace(REQUEST, image=b"start", strength=0.5, guidance_rescale=0.7)
    mask = MaskSource("mask", "0123", 2.0, 8)
    text = text_of(request, control=CONTROL, upscale=4, resize=(256, 256), mask=mask)
    assert text.split("Model: demo, ")[1] == (
        "Denoising strength: 0.5, Mask blur: 2.0, Inpaint area: Only masked, "
        'Masked area padding: 8, ControlNet 0: "Module: canny, Model: canny, Weight: 1.0, '
        'Threshold A: 100, Threshold B: 200, Guidance Start: 0.0, Guidance End: 1.0", '
        "Postprocess upscale by: 4, Postprocess upscale to: 256x256, Guidance rescale: 0.7, "
        f"Guidance end: 1.0, Latent clamp: False, Control image hash: {hash_of(b'an image')}, "
        f"Image hash: {hash_of(b'start')}, Mask hash: 0123, Mask field: mask, Backend: eager, "
        f"Upscaler backend: eager, Version: {__version__}"
    )
    edges_sent = replace(CONTROL, is_edges=True)
    assert "Module: none" in text_of(REQUEST, control=edges_sent)


def test_pictures_are_told_by_the_bytes_that_were_sent():
    service = Service()
    image, mask, control = (encoded(sketch(*size)) for size in ((64, 32), (64, 32), (40, 40)))
    files = {"image": image, "mask_image": mask, "control_image": control}
    made = service.edit(files, mask_blur="1").json()["data"][0]["b64_json"]
    found = read_parameters(from_base64(made).text["parameters"])
    assert found["Image hash"] == found["Mask hash"] == hash_of(image)
    assert found["Control image hash"] == hash_of(control)
    assert (found["Mask field"], found["Mask blur"]) == ("mask_image", "1.0")
    body = {"text": "x", "request_id": 1, "random_seed": 3}
    made = service.http.post("/generation", json=body | {"input_image_base64": in_base64(control)})
    text = from_base64(made.json()["output_image_base64"]).text["parameters"]
    assert read_parameters(text)["Control image hash"] == hash_of(control)


def test_the_text_is_read_back():
    args = fakes.app_args()
    named = args.models.generator.model_copy(update={"name": 'big, "bold": one'})
    args = args.model_copy(update={"models": args.models.model_copy(update={"generator": named})})
    request = replace(REQUEST, negative_prompt="blur\nnoise", prompt="a\nb")
    found = read_parameters(parameters_of(request, [9], args, CONTROL)[0])
    assert (found["Prompt"], found["Negative prompt"]) == ("a\nb", "blur\nnoise")
    assert (found["Steps"], found["Size"]) == ("4", "128x64")
    assert found["Model"] == 'big, "bold": one'
    assert read_parameters("\n" + found["ControlNet 0"])["Threshold B"] == "200"


def test_samplers_are_named_as_web_ui_names_them():
    for ours, theirs in SAMPLER_NAMES.items():
        assert sampler_of(theirs, None)[0] == ours or theirs == "DPM++ 2M"
        assert theirs.lower().replace("++", "pp").replace(" ", "_") == ours


def test_texts_of_other_tools():
    found = read_parameters('a star\nSteps: 20, Sampler: Euler a, Seed: 1, Lora: "a: 1, b: 2"')
    assert (found["Sampler"], found["Lora"]) == ("Euler a", "a: 1, b: 2")
    assert read_parameters("a prompt alone") == {"Prompt": "a prompt alone", "Negative prompt": ""}
    assert read_parameters("") == {}
