"""What is logged and counted of a request."""

import logging

import pytest

from serve_app.ingress.middleware import logged
from serve_app.ingress.middleware.logged import LoggedRequests


@pytest.fixture
def counted(monkeypatch):
    requests = []
    monkeypatch.setattr(logged, "publish_request", lambda *fields: requests.append(fields))
    return requests


async def ask(path="/caption", answer=None, level=logging.INFO):
    async def app(scope, receive, send):
        if isinstance(answer, Exception):
            raise answer
        scope["route"] = type("Route", (), {"path": "/{name}"})
        if answer is not None:
            await send({"type": "http.response.start", "status": answer, "headers": []})

    started = {}

    async def send(message):
        started.update(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"content-length", b"9")]}
    await LoggedRequests(app)(scope, None, send)
    return started


async def test_an_answer_is_a_line_and_is_counted_under_its_route(counted, caplog):
    caplog.set_level("INFO", "ray.serve")
    await ask(answer=200)
    (line,) = caplog.messages
    assert line.startswith("response method=POST path=/caption status=200 seconds=0.0")
    assert counted == [("/{name}", 200)]


async def test_the_arrival_is_for_those_who_look_closely(counted, caplog):
    caplog.set_level("DEBUG", "ray.serve")
    await ask(answer=200)
    assert caplog.messages[0] == "request method=POST path=/caption bytes=9"


@pytest.mark.parametrize("path", ["/health", "/v1/status", "/v2/health/live", "/v2/health/ready"])
async def test_polls_are_counted_and_fill_no_log(counted, caplog, path):
    caplog.set_level("DEBUG", "ray.serve")
    await ask(path, answer=503)
    assert caplog.messages == [] and counted == [("/{name}", 503)]


async def test_a_surprise_counts_as_a_500_and_goes_on(counted, caplog):
    caplog.set_level("INFO", "ray.serve")
    with pytest.raises(ZeroDivisionError):
        await ask(answer=ZeroDivisionError())
    assert "status=500" in caplog.messages[-1] and counted == [("unknown", 500)]


async def test_a_client_that_left_is_told_from_an_answer(counted, caplog):
    caplog.set_level("INFO", "ray.serve")
    await ask(answer=None)
    assert 'status="none: the client left"' in caplog.messages[-1]


async def test_a_traced_answer_names_its_trace(counted, monkeypatch):
    assert (await ask(answer=200))["headers"] == []
    monkeypatch.setattr(logged, "response_header", lambda: "00-ab-cd-01")
    assert (await ask(answer=404))["headers"] == [(b"traceresponse", b"00-ab-cd-01")]
