"""What the client sends, what it makes of answers, and when it tries again."""

import base64
import subprocess
import sys

import httpx
import pytest

from serve_app.client import AsyncClient, Client, ClientError, Refused, Unreachable
from serve_app.client.calls import Options
from serve_app.ingress.schema import ImageRequest
from tests.unit.client.service import PNG, Service, answer, refusal

CONNECTION_LOST = httpx.ReadError("reset")


def client_of(service, **options):
    return Client("http://x", transport=service.transport, sleep=service.sleep, **options)


# what is sent


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


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://", "http://x:port"])
def test_what_is_no_url(url):
    with pytest.raises(ValueError, match="is no URL"):
        Client(url)


@pytest.mark.parametrize("key", ["", "a\nb", "ключ"])
def test_what_is_no_key(key):
    with pytest.raises(ValueError, match="API key"):
        Client(api_key=key)


# what comes back


def test_a_generation():
    made = client_of(Service(answer(seeds=(7, 8), caption="a dot"))).generate("x", n=2)
    assert [(image.seed, image.data) for image in made.images] == [(7, PNG), (8, PNG)]
    assert (made.image.caption, made.size, made.request_id) == ("a dot", (128, 64), "r1")
    assert made.timings == {"generate": 0.5}


def test_words_and_lists():
    def said(body):
        return client_of(Service(httpx.Response(200, json=body)))

    assert said({"caption": "a dot", "timings": {}}).caption(PNG).text == "a dot"
    found = said({"label": "a", "probabilities": {"a": 0.9, "b": 0.1}}).classify(PNG)
    assert (found.label, found.probabilities["b"]) == ("a", 0.1)
    assert said({"data": [{"id": "demo"}]}).models() == ("demo",)
    stages = {"Canny": {"status": "HEALTHY", "replicas": 2}}
    assert said({"status": "ok", "stages": stages}).health().stages["Canny"].replicas == 2


@pytest.mark.parametrize("status", [400, 401, 413, 415, 422, 500, 504])
def test_other_refusals_are_not_tried_again(status):
    service = Service(refusal(status, retry_after=1))
    with pytest.raises(Refused, match="at most 64") as refused:
        client_of(service).generate("x")
    error = refused.value
    assert (error.status, error.code, error.param, error.request_id) == (
        status, "queue_full", "n", "r1",
    )  # fmt: skip
    assert service.slept == []


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"data": 3}'])
def test_another_server_is_not_ours(body):
    with pytest.raises(Unreachable, match="not from this service"):
        client_of(Service(httpx.Response(200, content=body))).generate("x")
    with pytest.raises(Refused) as refused:
        client_of(Service(httpx.Response(404, content=body))).generate("x")
    assert refused.value.code == "http_404"


def test_one_tree_of_errors():
    assert issubclass(Refused, ClientError) and issubclass(Unreachable, ClientError)


# trying again


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(status):
    service = Service(refusal(status, 3), refusal(status, 5), answer())
    assert client_of(service).generate("x").image.data == PNG
    assert 3 <= service.slept[0] <= 3.75 and 5 <= service.slept[1] <= 6.25
    assert service.bodies[0] == service.bodies[1] == service.bodies[2], "with the same seed"


def test_retries_are_bounded():
    service = Service(*[refusal(429, 1)] * 3)
    with pytest.raises(Refused):
        client_of(service, retries=2).generate("x")
    assert len(service.requests) == 3


def test_each_wait_is_longer_than_the_last():
    service = Service(*[refusal(429, 1)] * 4, answer())
    client_of(service).generate("x")
    for slept, least in zip(service.slept, (1, 2, 4, 8), strict=True):
        assert least <= slept <= 1.25 * least


def test_the_wait_is_bounded():
    service = Service(refusal(503, 50), refusal(503, 50))
    with pytest.raises(Refused):
        client_of(service, max_wait_s=90).generate("x")
    assert len(service.slept) == 1


@pytest.mark.parametrize("text", [None, "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "-1", "nan"])
def test_no_seconds_in_retry_after_is_a_short_pause(text):
    service = Service(refusal(503, text), answer())
    client_of(service).generate("x")
    assert 1 <= service.slept[0] <= 1.25


def test_waiting_counts_towards_the_deadline():
    service = Service(refusal(429, 2), refusal(429, 2), refusal(429, 2))
    with pytest.raises(Refused):
        client_of(service).generate("x", deadline_ms=5000)
    first, second, *_ = (body["deadline_ms"] for body in service.bodies)
    assert first == 5000 and second == pytest.approx(5000 - 1000 * service.slept[0], abs=1)
    assert sum(service.slept) < 5


def test_a_lost_connection_is_tried_again_once():
    service = Service(CONNECTION_LOST, answer())
    client_of(service).generate("x")
    assert service.bodies[0] == service.bodies[1]
    service = Service(CONNECTION_LOST, CONNECTION_LOST, answer())
    with pytest.raises(Unreachable, match="lost"):
        client_of(service).generate("x")
    assert len(service.requests) == 2


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
def test_a_stopped_or_silent_service_is_unreachable_at_once(error):
    service = Service(error)
    with pytest.raises(Unreachable):
        client_of(service).generate("x")
    assert service.slept == []


def test_health_is_answered_at_once():
    service = Service(refusal(503, 5))
    with pytest.raises(Refused):
        client_of(service).health()
    assert service.slept == []


# the asynchronous client


async def test_the_same_without_blocking():
    service = Service(refusal(429, 2), CONNECTION_LOST, answer())
    transport, sleep = service.transport, service.sleep_async
    async with AsyncClient("http://x", "key", transport=transport, sleep=sleep) as client:
        assert (await client.generate("x", seed=7)).image.seed == 7
    assert len(service.slept) == 2 and service.requests[2].headers["authorization"] == "Bearer key"


async def test_both_clients_offer_the_same():
    def public(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)


# starting


def test_nothing_heavy_is_imported():
    heavy = {"torch", "ray", "numpy", "PIL", "pydantic", "fastapi", "starlette"}
    code = f"import sys, serve_app.client.__main__; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
