"""What is sent."""

import base64

import httpx
import pytest

from serve_app.client import calls
from serve_app.client.calls import EditOptions, Options
from serve_app.ingress.openai.schema import ImageEdit
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


def test_a_mask_is_a_file_of_the_form():
    service = Service(answer(), answer())
    client_of(service).edit(PNG, "a circle", mask=b"a hole", mask_blur=2.5)
    form = service.requests[0].content
    assert b'name="mask"; filename="mask"' in form and b"a hole" in form
    assert b'name="mask_blur"\r\n\r\n2.5\r\n' in form
    client_of(service).edit(PNG, "a circle", mask_image=b"white", padding_mask_crop=8)
    form = service.requests[1].content
    assert b'name="mask_image"' in form and b'name="padding_mask_crop"\r\n\r\n8\r\n' in form
    with pytest.raises(TypeError, match="mask_blur"):
        client_of(service).generate("a circle", mask_blur=3)


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
    own |= {"background"}  # which has one value
    own |= {"webhook"}  # of jobs, which it does not ask for
    assert set(Options.__annotations__) == set(ImageRequest.model_fields) - own
    assert set(EditOptions.__annotations__) == set(ImageEdit.model_fields) - own


# requests as plain data


def test_a_stream_is_the_same_request_with_events():
    call = calls.generation("x", None, {"seed": 1})
    watched = calls.streamed(call, previews=2)
    assert watched.streamed and not call.streamed
    assert watched.fields == {
        "prompt": "x", "seed": 1, "stream": True, "progress": True, "partial_images": 2,
    }  # fmt: skip
    edited = calls.streamed(calls.edit("x", PNG, {"seed": 1}), previews=0)
    assert edited.files == {"image": PNG} and edited.path == "/v1/images/edits"


def test_a_seed_is_drawn_so_that_a_second_try_makes_the_same_picture():
    drawn = {calls.generation("x", None, {}).fields["seed"] for _ in range(5)}
    assert len(drawn) == 5 and all(0 <= seed < 2**32 for seed in drawn)


def test_what_is_left_out_is_not_sent():
    call = calls.stage("canny", PNG, low_threshold=None, high_threshold=0)
    assert call.params == {"high_threshold": 0}
    assert call.arguments() == {
        "method": "POST", "url": "/v1/canny", "params": {"high_threshold": 0}, "content": PNG,
        "headers": {"Content-Type": "application/octet-stream"},
    }  # fmt: skip
    assert set(calls.Call("GET", "/health").arguments()) == {"method", "url", "params"}


def test_a_form_has_words_for_booleans_and_both_images():
    form = calls.edit(
        "x", PNG, {"seed": 1, "latent_clamp": False}, control_image=b"edges"
    ).arguments()
    assert form["data"] == {"prompt": "x", "seed": "1", "latent_clamp": "false"}
    assert form["files"] == {"image": ("image", PNG), "control_image": ("control_image", b"edges")}
