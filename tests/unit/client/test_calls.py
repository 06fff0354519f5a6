"""What is sent."""

import base64

import httpx
import pytest

from serve_app.client.calls import Options
from serve_app.ingress.schema import ImageRequest
from tests.unit.client.service import PNG, Service, answer, client_of


def test_a_generation_sends_what_was_given_and_a_seed():
    service = Service(answer())
    client_of(service, api_key="secret").generate("a circle", PNG, upscale=4, caption=None)
    request = service.requests[0]
    assert (request.method, str(request.url)) == ("POST", "http://x/v1/images/generations")
    assert request.headers["authorization"] == "Bearer secret"
    body = service.bodies[0]
    assert isinstance(body.pop("seed"), int)
    control = base64.b64encode(PNG).decode()
    assert body == {"prompt": "a circle", "upscale": 4, "control_image": control}


def test_an_edit_is_a_form():
    service = Service(answer())
    client_of(service).edit(PNG, "a circle", seed=3, caption=True)
    request = service.requests[0]
    assert str(request.url) == "http://x/v1/images/edits"
    assert request.headers["content-type"].startswith("multipart/form-data")
    assert b'name="image"; filename="image"' in request.content and PNG in request.content
    assert b'name="caption"\r\n\r\ntrue\r\n' in request.content
    assert b'name="seed"\r\n\r\n3\r\n' in request.content


def test_a_single_stage_is_a_raw_body():
    image = httpx.Response(
        200, content=PNG, headers={"Content-Type": "image/png", "Server-Timing": "canny;dur=12.5"}
    )
    service = Service(image)
    edges = client_of(service).canny(PNG, low_threshold=0)
    assert str(service.requests[0].url) == "http://x/v1/canny?low_threshold=0"
    assert service.requests[0].content == PNG
    assert (edges.data, edges.output_format, edges.timings) == (PNG, "png", {"canny": 0.0125})


def test_a_misspelt_option_is_not_sent():
    with pytest.raises(TypeError, match="guidance"):
        client_of(Service()).generate("x", guidance=3)


def test_options_are_the_fields_of_the_service():
    """All but those that the client's own arguments stand for."""
    own = {"prompt", "control_image", "stream", "partial_images", "progress", "response_format"}
    assert set(Options.__annotations__) == set(ImageRequest.model_fields) - own
