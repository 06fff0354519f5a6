"""The parameters inside a PNG."""

from tests.images import from_base64
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
