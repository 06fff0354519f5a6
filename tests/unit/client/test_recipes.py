"""What the service writes into a PNG is what the client asks for again."""

import pytest
from PIL import PngImagePlugin

from serve_app.client import recipes
from serve_app.client.files import BadInput
from tests.images import encoded, from_base64, in_base64, sketch
from tests.service import Service

IMAGE = encoded(sketch(64, 32))
WHITE = encoded(sketch(64, 32).point(lambda _: 255))


def png(text=None, size=(64, 32)):
    texts = PngImagePlugin.PngInfo()
    if text is not None:
        texts.add_itxt("parameters", text)
    return encoded(sketch(*size), pnginfo=texts)


def of_answer(answer):
    image = from_base64(answer.json()["data"][0]["b64_json"])
    return recipes.read(png(image.text["parameters"], image.size))


FIELDS = {
    "num_inference_steps": 9, "sampler": "dpmpp_2m_karras", "guidance_scale": 4.5,
    "guidance_end": 0.4, "guidance_rescale": 0.7, "latent_clamp": True, "seed": 2**63 - 1,
    "negative_prompt": "blur,\nSteps: 3",
}  # fmt: skip


@pytest.mark.parametrize("prompt", ["a star", "", " a\n b: c, ", "größe 星", 'Steps: 1, "b": 2'])
def test_a_text_alone(prompt):
    found = of_answer(Service().generate(prompt=prompt, **FIELDS))
    sized = {"size": "128x64", "native": True, "output_format": "png"}
    assert (found.prompt, found.options) == (prompt, FIELDS | sized)
    assert found.hashes == {}


def test_nothing_but_the_prompt_is_needed_for_defaults():
    options = of_answer(Service().generate(prompt="a")).options
    assert "negative_prompt" not in options and "strength" not in options
    assert (options["latent_clamp"], options["guidance_end"]) == (False, 1.0)


def test_edges():
    fields = {
        "controlnet_conditioning_scale": 0.5, "canny_low_threshold": 7, "canny_high_threshold": 9,
    }  # fmt: skip
    found = of_answer(Service().generate(control_image=in_base64(IMAGE), **fields))
    assert fields.items() <= found.options.items()
    assert found.hashes == {"control_image": recipes.hash_of(IMAGE, 16)}


def test_a_picture_to_start_from_and_a_mask():
    service = Service()
    files = {"image": IMAGE, "mask_image": WHITE}
    found = of_answer(service.edit(files, strength="0.5", mask_blur="1", padding_mask_crop="2"))
    wanted = {"strength": 0.5, "mask_blur": 1.0, "padding_mask_crop": 2}
    assert wanted.items() <= found.options.items()
    assert found.hashes.keys() == {"image", "mask"} and found.mask_field == "mask_image"


ASKED = [
    {},
    {"size": "64x64"},
    {"size": "64x64", "upscale": 4},
    {"upscale": 4},
    {"size": "1024x1024"},
    {"size": "256x256"},
    {"size": "256x256", "native": True},
    {"size": "1536x1024"},
    {"control_image": in_base64(encoded(sketch(30, 50)))},
]


def made_of(service):
    request = service.request
    return request.width, request.height, len(service.handles["upscaler"].calls)


@pytest.mark.parametrize("fields", ASKED)
def test_the_size_is_made_in_the_same_way(fields):
    service, repeated = Service(), Service()
    answer = service.generate(**fields)
    options = of_answer(answer).options
    again = repeated.generate(prompt="x", **options)
    assert again.json()["size"] == answer.json()["size"]
    assert made_of(repeated) == made_of(service)


def test_of_the_same_making_nothing_differs():
    service = Service()
    one, other = (of_answer(service.generate(seed=7)) for _ in range(2))
    assert one.differences(other) == []
    changed = of_answer(service.generate(seed=7, guidance_scale=1.5, upscale=4))
    assert one.differences(changed) == [
        "CFG scale was 7.5, and is 1.5",
        "Postprocess upscale by was not said, and is 4",
        "Upscaler backend was not said, and is eager",
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no image", "not a PNG"),
        (png(), "no text 'parameters'"),
        (png("a star"), "lacks Steps"),
        (png("a star\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 8x8"), "another program's"),
        (
            png(
                "x\nSteps: many, Sampler: DDIM, CFG scale: 3, Seed: 1, Size: 8x8, "
                "Guidance end: 1.0, Latent clamp: True, Version: 1"
            ),
            "cannot be read",
        ),
    ],
)
def test_what_does_not_tell_how_it_was_made(data, words):
    with pytest.raises(BadInput, match=words):
        recipes.read(data)


def test_edges_that_were_sent_as_such_are_no_field_of_ours():
    service = Service(settings={"webui": True})
    unit = {"image": in_base64(IMAGE), "module": "none", "model": "canny"}
    body = {"prompt": "x", "alwayson_scripts": {"controlnet": {"args": [unit]}}}
    made = from_base64(service.http.post("/sdapi/v1/txt2img", json=body).json()["images"][0])
    with pytest.raises(BadInput, match="edge map"):
        recipes.read(png(made.text["parameters"], made.size))
