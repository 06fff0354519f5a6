"""What is compressed, and what never is."""

import pytest
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from serve_app.ingress.middleware.compressed import SMALLEST, Compressed
from tests.service import GENERATIONS, Service


@pytest.fixture(scope="module")
def http():
    return Service({"webui": True, "jobs": {}}).http


def encoding(response):
    assert response.status_code == 200
    return response.headers.get("content-encoding")


def test_the_document_is_an_eighth_for_who_accepts_gzip(http):
    response = http.get("/openapi.json", headers={"accept-encoding": "gzip, br"})
    assert encoding(response) == "gzip" and response.headers["vary"] == "Accept-Encoding"
    assert int(response.headers["content-length"]) < len(response.content) / 8
    plain = http.get("/openapi.json", headers={"accept-encoding": "identity"})
    assert encoding(plain) is None and plain.json() == response.json()
    assert plain.headers["vary"] == "Accept-Encoding"
    assert encoding(http.get("/openapi.json/", headers={"accept-encoding": "gzip"})) == "gzip"


def test_short_answers_stay_as_they_are(http):
    response = http.get("/v1/jobs", headers={"accept-encoding": "gzip"})
    assert len(response.content) < SMALLEST and encoding(response) is None


@pytest.mark.parametrize("path", [GENERATIONS, "/v1/jobs/1", "/sdapi/v1/txt2img", "/v1/upscale"])
def test_what_may_hold_pictures_is_not_compressed(path):
    async def long(scope, receive, send):
        await JSONResponse({"b64_json": "A" * SMALLEST})(scope, receive, send)

    http = TestClient(Compressed(long))
    assert encoding(http.get(path, headers={"accept-encoding": "gzip"})) is None
    assert encoding(http.get("/v1/jobs", headers={"accept-encoding": "gzip"})) == "gzip"


def test_a_stream_is_not_held_back(http):
    body = {"prompt": "x", "n": 4, "stream": True}
    response = http.post(GENERATIONS, json=body, headers={"accept-encoding": "gzip"})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert encoding(response) is None
