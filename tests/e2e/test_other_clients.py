"""What other programs send to OpenAI's Images API by default, and how they read the answer.

Each as its source has it; the programs themselves are not needed here (docs/clients.md says which
of them were run too).
"""

import base64
import io
import json

import openai
import pytest
import requests
from PIL import Image

from tests.images import PROMPT, encoded, from_base64, sketch

GENERATIONS = "/v1/images/generations"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def client(service):
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0)


def test_open_webui(service):
    """Its engine "openai": it saves `b64_json`, with whatever stands before a comma cut off."""
    body = {
        "model": "dall-e-2", "prompt": PROMPT, "n": 1, "size": "512x512",
        "response_format": "b64_json",
    }  # fmt: skip
    headers = {"Authorization": "Bearer none", "Content-Type": "application/json"}
    answer = service.post(GENERATIONS, json=body, headers=headers)
    answer.raise_for_status()
    (image,) = answer.json()["data"]
    assert "," not in image["b64_json"] and base64.b64decode(image["b64_json"]).startswith(PNG)
    assert from_base64(image["b64_json"]).size == (512, 512)
    refused = service.post(GENERATIONS, json=body | {"size": "7x7"}, headers=headers)
    assert isinstance(refused.json()["error"]["message"], str)


def test_librechats_image_tools(service, client):
    """Generations and edits of `gpt-image-1`, everything "auto"."""
    made = client.images.generate(
        model="gpt-image-1", prompt=PROMPT, n=1, background="auto", output_format="png",
        quality="auto", size="auto",
    )  # fmt: skip
    assert from_base64(made.data[0].b64_json).format == "PNG"
    picture = ("picture.png", encoded(sketch(128, 128)), "image/png")
    form = {"model": "gpt-image-1", "prompt": "a star", "quality": "auto", "size": "auto"}
    answer = service.post("/v1/images/edits", data=form, files={"image[]": picture})
    assert from_base64(answer.json()["data"][0]["b64_json"]).size == (128, 128)


def test_litellm(client):
    """`litellm.image_generation("openai/dall-e-2", …)` is the package `openai` with these fields;
    its proxy asks for the models first."""
    assert "demo" in [model.id for model in client.models.list()]
    raw = client.images.with_raw_response.generate(model="dall-e-2", prompt=PROMPT, n=1)
    body = json.loads(raw.text)
    assert body["created"] and requests.get(body["data"][0]["url"], timeout=30).ok
    assert {"input_tokens", "output_tokens", "total_tokens"} <= set(body["usage"])


@pytest.mark.parametrize(
    "fields", [{"model": "dall-e-3", "response_format": "b64_json"}, {"model": "gpt-image-1"}]
)
def test_the_ai_sdk(service, fields):
    """`experimental_generateImage` of @ai-sdk/openai, whose schema of an answer is strict."""
    body = {"prompt": PROMPT, "n": 1, "size": "1024x1024"} | fields
    answer = service.post(GENERATIONS, json=body).json()
    assert all(isinstance(each["b64_json"], str) for each in answer["data"])
    for name, kind in (("created", int), ("output_format", str), ("size", str)):
        assert isinstance(answer[name], kind)
    details = answer["usage"]["input_tokens_details"]
    assert all(isinstance(count, int) for count in details.values())


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3"])
def test_readers_of_urls(client, model):
    """LangChain's `DallEAPIWrapper` and LibreChat's DALL-E tool read `url` unasked."""
    made = client.images.generate(prompt=PROMPT, n=1, size="1024x1024", model=model)
    found = requests.get(made.data[0].url, timeout=30)
    assert Image.open(io.BytesIO(found.content)).size == (1024, 1024)


@pytest.mark.parametrize("stream", [{}, {"stream": True}])
def test_aiperf_generations(service, stream):
    """Its endpoint type `image-generation`, which parses every event's data as JSON."""
    body = {"prompt": PROMPT, "model": "demo", "response_format": "b64_json", "n": 1} | stream
    answer = service.post(GENERATIONS, json=body, headers={"Accept": "text/event-stream"})
    if not stream:
        assert [image["b64_json"] for image in answer.json()["data"]]
        return
    events = [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: ")
    ]
    assert [event["type"] for event in events] == ["image_generation.completed"]
    assert events[0]["b64_json"] and events[0]["usage"]["total_tokens"]


def test_aiperf_edits(service):
    """Its endpoint type `image-edit`: a form whose file is `image`."""
    form = {"prompt": PROMPT, "model": "demo", "response_format": "b64_json", "n": "1"}
    picture = ("image.png", encoded(sketch(128, 128)), "image/png")
    answer = service.post("/v1/images/edits", data=form, files={"image": picture})
    assert answer.status_code == requests.codes.ok and answer.json()["data"][0]["b64_json"]
