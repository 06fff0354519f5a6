"""OpenAI's routes: what reaches the stages, what comes back."""

import pytest

from tests import fakes
from tests.images import encoded, from_base64, in_base64, jpeg, sketch
from tests.service import Service, assert_refused, events_of


def test_the_configured_defaults_fill_in(service):
    response = service.generate()
    assert response.status_code == 200
    body = response.json()
    assert body["size"] == "128x64" and body["output_format"] == "png"
    assert isinstance(body["created"], int)
    assert set(body["timings"]) == {"queue", "generate", "encode"}
    assert service.request.num_inference_steps == service.args.defaults.num_inference_steps


def test_everything_that_is_asked_for_reaches_the_stages(service):
    response = service.generate(
        n=2, size="64x96", seed=5, negative_prompt="blur", num_inference_steps=7,
        guidance_scale=2, controlnet_conditioning_scale=0.5, canny_low_threshold=10,
        canny_high_threshold=20, control_image=in_base64(jpeg()), upscale=4, caption=True,
        output_format="webp", output_compression=30, user="me", quality="high", new_field=1,
    )  # fmt: skip
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    assert [item["seed"] for item in data] == [5, 6]
    assert [item["caption"] for item in data] == ["a red circle"] * 2
    assert from_base64(data[0]["b64_json"]).format == "WEBP"
    assert response.json()["size"] == "512x256"
    request = service.request
    assert (request.width, request.height, request.num_inference_steps) == (64, 96, 7)
    assert (request.negative_prompt, request.guidance_scale) == ("blur", 2)
    assert request.controlnet_conditioning_scale == 0.5
    assert (service.control.low_threshold, service.control.high_threshold) == (10, 20)


def test_a_seed_is_made_and_told_where_none_is_given(service):
    seeds = {service.generate().json()["data"][0]["seed"] for _ in range(5)}
    assert len(seeds) == 5


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": "100x100"}, "size"),
        ({"size": "4096x64"}, "size"),
        ({"size": "big"}, "size"),
        ({"size": "0x0"}, "size"),
        ({"model": "dall-e-3"}, "model"),
        ({"response_format": "url"}, "response_format"),
        ({"n": 11}, "n"),
        ({"num_inference_steps": 101}, "num_inference_steps"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"negative_prompt": "x" * 2001}, "negative_prompt"),
        ({"upscale": 2}, "upscale"),
        ({"upscale": 4, "size": "1024x1024"}, "upscale"),
        ({"native": True, "size": "1792x1024"}, "size"),
        ({"background": "transparent"}, "background"),
        ({"seed": 2**63 - 1, "n": 2}, "seed"),
        ({"control_image": in_base64(encoded(sketch(21, 1)))}, "control_image"),
    ],
)
def test_the_impossible_is_a_400_that_names_the_field(service, fields, param):
    assert_refused(service.generate(**fields), 400, param=param)
    assert not service.handles["generator"].calls


# As these applications ask unless they are told otherwise, read from their sources.
OTHERS = {
    "Open WebUI": {"model": "dall-e-2", "n": 1, "size": "512x512", "response_format": "b64_json"},
    "LibreChat": {
        "model": "gpt-image-1", "quality": "auto", "size": "auto", "background": "auto",
        "output_format": "png", "n": 1,
    },
    "LiteLLM": {"model": "dall-e-2", "n": 1, "size": "1024x1024"},
    "LangChain": {"model": "dall-e-3", "size": "1024x1024", "quality": "hd", "style": "natural"},
}  # fmt: skip


@pytest.mark.parametrize("client", OTHERS)
def test_what_other_applications_ask_for_is_made(client):
    aliased = fakes.app_args().models.model_dump()
    aliased["generator"]["aliases"] = ["dall-e-2", "dall-e-3", "gpt-image-1", ""]
    service = Service({"models": aliased})
    body = OTHERS[client]
    response = service.generate(**body)
    assert response.status_code == 200, response.text
    size = response.json()["size"]
    assert response.json()["model"] == "demo", "the model's own name"
    picture = from_base64(response.json()["data"][0]["b64_json"])
    assert size == ("128x64" if body["size"] == "auto" else body["size"])
    assert "{}x{}".format(*picture.size) == size
    assert service.request.width * service.request.height <= 128 * 64


def test_a_model_answers_to_its_aliases():
    aliased = fakes.app_args().models.model_dump()
    aliased["generator"]["aliases"] = ["dall-e-3", "black/forest"]
    http = Service({"models": aliased}).http
    for name in ("demo", "dall-e-3", "black/forest"):
        assert http.get(f"/v1/models/{name}").json()["id"] == "demo"
    assert_refused(http.get("/v1/models/another"), 404, "not_found")
    assert http.get("/v1/models").json()["data"][0]["aliases"] == ["dall-e-3", "black/forest"]


def test_a_streamed_image_has_the_size_that_was_asked_for(service):
    response = service.generate(size="512x512", stream=True)
    (last,) = [data for name, data in events_of(response) if name.endswith("completed")]
    assert last["size"] == "512x512" and from_base64(last["b64_json"]).size == (512, 512)


def test_a_seed_of_minus_one_is_random(service):
    seeds = {service.generate(seed=-1).json()["data"][0]["seed"] for _ in range(3)}
    assert len(seeds) == 3 and min(seeds) >= 0


def test_a_variation_is_an_edit_by_the_images_own_caption(service):
    picture = encoded(sketch(64, 32))
    fields = {"n": "2", "size": "128x64", "user": "me", "prompt": "not read"}
    response = service.http.post("/v1/images/variations", files={"image": picture}, data=fields)
    assert response.status_code == 200, response.text
    assert len(response.json()["data"]) == 2
    request = service.request
    assert (request.image, request.prompt) == (picture, "a red circle")
    assert request.strength == service.args.defaults.strength
    assert service.handles["captioner"].calls[0][0] == picture


def test_a_variation_that_cannot_be_costs_no_caption(service):
    for files, fields, status, param in (
        ({"image": b"no image"}, {}, 415, "image"),
        ({"image": encoded(sketch(64, 32))}, {"n": "99"}, 400, "n"),
        ({"other": b"x"}, {}, 422, "image"),
    ):
        response = service.http.post("/v1/images/variations", files=files, data=fields)
        assert_refused(response, status, param=param)
    assert not service.handles["captioner"].calls
