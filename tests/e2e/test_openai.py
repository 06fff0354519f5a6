"""The `openai` package as its users call it."""

import base64
import io
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openai
import pytest
import requests
from PIL import Image

from tests.images import PROMPT, encoded, in_base64, jpeg, pixels, sketch


@pytest.fixture(scope="module")
def client(service):
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0)


def opened(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_two_images_of_a_size(client):
    made = client.images.generate(
        model="demo", prompt=PROMPT, n=2, size="128x64", quality="high", user="me",
        extra_body={"seed": 3, "caption": True},
    )  # fmt: skip
    assert [opened(image.b64_json).size for image in made.data] == [(128, 64)] * 2
    assert made.data[0].b64_json != made.data[1].b64_json
    assert made.size == "128x64" and made.output_format == "png" and made.created


@pytest.mark.parametrize("size", ["1024x1024", "1792x1024", "1024x1536", "256x256"])
def test_a_model_and_a_size_of_openai(client, size):
    made = client.images.generate(
        model="dall-e-3", prompt=PROMPT, size=size, response_format="b64_json"
    )
    (image,) = made.data
    assert "{}x{}".format(*opened(image.b64_json).size) == made.size == size
    assert made.model == "demo" and client.models.retrieve("dall-e-3").id == "demo"
    assert made.usage.input_tokens_details.text_tokens == len(PROMPT.split())


def test_ten_images(client):
    made = client.images.generate(prompt=PROMPT, n=10, extra_body={"num_inference_steps": 2})
    assert len({image.b64_json for image in made.data}) == 10


def test_what_would_never_be_in_time_is_refused_early(client):
    """After a few steps where the size is new, and at once when it is known."""
    took = []
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(openai.BadRequestError, match=r"limits\.request_timeout_s"):
            client.images.generate(
                prompt=PROMPT, size="1024x1024",
                extra_body={"native": True, "num_inference_steps": 100},
            )  # fmt: skip
        took.append(time.monotonic() - began)
    assert took[0] < 60 and took[1] < 5


def test_a_stream_of_partial_images(client):
    stream = client.images.generate(
        prompt=PROMPT, stream=True, partial_images=2, output_format="jpeg",
        extra_body={"control_image": in_base64(jpeg())},
    )  # fmt: skip
    events = list(stream)
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert opened(events[-1].b64_json).format == "JPEG"
    usage = events[-1].usage
    assert usage.input_tokens_details.text_tokens == len(PROMPT.split())
    assert (usage.input_tokens_details.image_tokens, usage.output_tokens) == (16, 16)


def test_an_edit(client):
    picture = ("sketch.png", encoded(sketch(128, 128)), "image/png")
    made = client.images.edit(
        image=picture, prompt="a green star on a white background",
        extra_body={"strength": 0.6, "seed": 3},
    )  # fmt: skip
    assert opened(made.data[0].b64_json).size == (128, 128)
    events = list(
        client.images.edit(image=[picture], prompt="a star", stream=True, partial_images=1)
    )
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize("fields", [{}, {"padding_mask_crop": 16}], ids=["whole", "region"])
def test_an_edit_of_what_a_mask_covers(client, fields):
    """At the image's own size, whatever the model's: what is not transparent comes back exactly."""
    image = sketch(300, 200)
    hole = np.zeros((200, 300), bool)
    hole[40:160, 10:145] = True
    holed = image.convert("RGBA")
    holed.putalpha(Image.fromarray(np.where(hole, 0, 255).astype(np.uint8)))
    prompt = "a green star and a blue square on a white background"
    made = client.images.edit(
        image=("image.png", encoded(image), "image/png"),
        mask=("mask.png", encoded(holed), "image/png"),
        prompt=prompt,
        extra_body={"seed": 3} | fields,
    )
    answer = opened(made.data[0].b64_json)
    assert made.size == "300x200" and answer.mode == "RGB"
    edited = pixels(answer)
    assert np.array_equal(edited[~hole], pixels(image)[~hole])
    assert np.abs(edited - pixels(image))[hole].mean() > 5
    events = list(
        client.images.edit(
            image=("image.png", encoded(image), "image/png"),
            mask=("mask.png", encoded(holed), "image/png"),
            prompt=prompt, stream=True, partial_images=1, extra_body={"seed": 3} | fields,
        )
    )  # fmt: skip
    assert events[-1].b64_json == made.data[0].b64_json
    preview = pixels(opened(events[0].b64_json))
    assert np.array_equal(preview[~hole], pixels(image)[~hole])


def test_a_mask_that_covers_nothing(client):
    image = ("image.png", encoded(sketch(128, 128)), "image/png")
    with pytest.raises(openai.BadRequestError, match="transparent") as refused:
        client.images.edit(image=image, mask=image, prompt=PROMPT)
    assert refused.value.param == "mask"


def test_models(client):
    assert [model.id for model in client.models.list()] == ["demo"]


def test_errors_arrive_as_the_clients_own(client):
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt="x", size="100x100")
    assert refused.value.param == "size" and refused.value.code == "invalid_request"
    for wrong in ({"response_format": "file"}, {"n": "three"}):
        with pytest.raises(openai.UnprocessableEntityError):
            client.images.generate(prompt="x", **wrong)


def test_a_429_is_retried_when_the_server_says(service, client):
    """A deadline that the work ahead leaves no way to meet, until that work is done."""
    wanted = {"prompt": PROMPT, "extra_body": {"num_inference_steps": 20}}
    began = time.monotonic()
    client.images.generate(**wanted)
    wanted["extra_body"]["deadline_ms"] = int(2500 * (time.monotonic() - began))
    busy = {"prompt": PROMPT, "num_inference_steps": 100, "n": 4}  # twice that fills the batch
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(requests.post, f"{service.url}/v1/images/generations", json=busy)
        time.sleep(0.5)  # let them take their places
        with pytest.raises(openai.RateLimitError) as refused:
            client.images.generate(**wanted)
        assert refused.value.code == "deadline_unmet"
        assert int(refused.value.response.headers["retry-after"]) >= 1
        patient = client.with_options(max_retries=20)
        assert patient.images.generate(**wanted).data
