"""The parameters inside a PNG."""

from dataclasses import replace

from serve_app import __version__
from serve_app.ingress.png_parameters import parameters_of, read_parameters
from tests.images import from_base64
from tests.pipelines import REQUEST
from tests.service import Service, events_of


def test_a_png_carries_its_parameters(service):
    made = service.generate(seed=7, negative_prompt="größe 星", num_inference_steps=9, n=2)
    for image, seed in zip(made.json()["data"], (7, 8), strict=True):
        text = from_base64(image["b64_json"]).text["parameters"]
        assert text.startswith("a red circle\nNegative prompt: größe 星\nSteps: 9, Sampler: ddim")
        assert f"Seed: {seed}, Size: 128x64, Model: demo" in text
    assert (
        "parameters"
        in from_base64(events_of(service.generate(stream=True))[-1][1]["b64_json"]).text
    )


def test_a_switch_leaves_the_parameters_out():
    service = Service(settings={"embed_parameters": False})
    assert not from_base64(service.generate().json()["data"][0]["b64_json"]).text


def test_the_text_is_what_image_tools_read():
    request = replace(REQUEST, negative_prompt="blur", prompt="a\nb")
    assert parameters_of(request, 9, "demo") == (
        "a\nb\nNegative prompt: blur\n"
        "Steps: 4, Sampler: ddim, CFG scale: 3.0, Seed: 9, Size: 128x64, Model: demo, "
        f"Version: {__version__}"
    )


def test_what_was_not_used_is_not_said():
    assert "Negative prompt" not in parameters_of(REQUEST, 9, "demo")
    assert "Denoising strength" not in parameters_of(REQUEST, 9, "demo")
    edited = replace(REQUEST, image=b"an image", strength=0.5)
    assert "Model: demo, Denoising strength: 0.5, " in parameters_of(edited, 9, "demo")


def test_the_text_is_read_back():
    request = replace(REQUEST, negative_prompt="blur\nnoise", prompt="a\nb")
    found = read_parameters(parameters_of(request, 9, "demo"))
    assert (found["Prompt"], found["Negative prompt"]) == ("a\nb", "blur\nnoise")
    assert (found["Steps"], found["Size"], found["Model"]) == ("4", "128x64", "demo")


def test_texts_of_other_tools():
    found = read_parameters('a star\nSteps: 20, Sampler: Euler a, Seed: 1, Lora: "a: 1, b: 2"')
    assert (found["Sampler"], found["Lora"]) == ("Euler a", "a: 1, b: 2")
    assert read_parameters("a prompt alone") == {"Prompt": "a prompt alone", "Negative prompt": ""}
    assert read_parameters("") == {}
