"""What comes back, from the service and from others."""

import httpx
import pytest

from serve_app.client import ClientError, Refused, Unreachable, answers
from tests.unit.client.service import PNG, Service, answer, client_of


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


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"data": 3}'])
def test_another_server_is_not_ours(body):
    with pytest.raises(Unreachable, match="not from this service"):
        client_of(Service(httpx.Response(200, content=body))).generate("x")
    with pytest.raises(Refused) as refused:
        client_of(Service(httpx.Response(404, content=body))).generate("x")
    assert refused.value.code == "http_404"


def test_one_tree_of_errors():
    assert issubclass(Refused, ClientError) and issubclass(Unreachable, ClientError)


@pytest.mark.parametrize(
    ("headers", "timings"),
    [
        ({}, {}),
        ({"Server-Timing": "queue;dur=1.5, upscale;dur=1000.0"}, {"queue": 0.0015, "upscale": 1.0}),
        ({"Server-Timing": "cdn-cache; desc=HIT, x;dur=soon"}, {}),
    ],
)
def test_timings_of_a_processed_image_are_seconds_by_stage(headers, timings):
    response = httpx.Response(200, content=PNG, headers={"Content-Type": "image/png"} | headers)
    made = answers.processed(response)
    assert (made.data, made.output_format, made.timings) == (PNG, "png", timings)


def test_a_page_is_no_image():
    page = httpx.Response(200, content=b"<html>", headers={"Content-Type": "text/html"})
    with pytest.raises(Unreachable, match="not from this service"):
        answers.parsed(answers.processed, page)


def test_a_refusal_is_one_line_however_it_was_written():
    body = {"error": {"message": "at most\n\n 64  images", "code": "queue_full"}}
    error = answers.refusal(httpx.Response(429, json=body))
    assert str(error) == "at most 64 images"
    assert (error.code, error.param, error.request_id) == ("queue_full", None, None)
