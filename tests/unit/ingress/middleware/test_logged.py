"""What is logged and counted of a request."""

import logging

import pytest
from starlette.routing import Route

from serve_app import errors
from serve_app.ingress.middleware import logged
from serve_app.ingress.middleware.logged import LoggedRequests
from serve_app.metrics.requests import REQUEST_SECONDS

START = {"type": "http.response.start", "headers": []}
ROUTES = [Route("/caption/{name}", lambda request: None)]


async def ask(path="/caption", answer=None, body=({},), method="POST"):
    """A request whose answer is so many messages; without `more_body`, one is the last."""

    async def app(scope, receive, send):
        if isinstance(answer, Exception):
            raise answer
        scope["route"] = type("Route", (), {"path": "/{name}"})
        if answer is not None:
            await send(START | {"status": answer, "headers": []})
            for message in body:
                await send({"type": "http.response.body"} | message)

    started = {}

    async def send(message):
        started.update(message)
        if message.get("body") == b"too late":
            raise OSError("the client has left")

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"content-length", b"9")]}
    await LoggedRequests(app, ROUTES)(scope, None, send)
    return started


async def test_an_answer_is_a_line_and_is_counted_under_its_route(published, caplog):
    caplog.set_level("INFO", "ray.serve")
    await ask(answer=200)
    (line,) = caplog.messages
    assert line.startswith("response method=POST path=/caption status=200 seconds=0.0")
    assert published.of("image_requests") == {("/{name}", "POST", "200"): [1]}
    ((labels, (seconds,)),) = published.of("image_request_seconds").items()
    assert labels == ("/{name}", "2xx") and 0 < seconds < 1


async def test_the_arrival_is_for_those_who_look_closely(caplog):
    caplog.set_level("DEBUG", "ray.serve")
    await ask(answer=200)
    assert caplog.messages[0] == "request method=POST path=/caption bytes=9"


@pytest.mark.parametrize("path", ["/health", "/v1/status", "/v2/health/live", "/v2/health/ready"])
async def test_polls_are_counted_and_fill_no_log(published, caplog, path):
    caplog.set_level("DEBUG", "ray.serve")
    await ask(path, answer=503)
    assert caplog.messages == []
    assert published.of("image_requests") == {("/{name}", "POST", "503"): [1]}


async def test_a_surprise_counts_as_a_500_and_goes_on(published, caplog):
    caplog.set_level("INFO", "ray.serve")
    with pytest.raises(ZeroDivisionError):
        await ask(answer=ZeroDivisionError())
    assert "status=500" in caplog.messages[-1]
    assert published.of("image_requests") == {("unknown", "POST", "500"): [1]}


# clients that leave


MORE = {"more_body": True}


@pytest.mark.parametrize(("answer", "body"), [(None, ()), (200, ()), (200, [MORE, MORE])])
async def test_a_client_that_left_is_told_from_an_answer(published, caplog, answer, body):
    """Before the answer, before its first byte and in a stream."""
    caplog.set_level("INFO", "ray.serve")
    await ask(answer=answer, body=body)
    assert "status=499 code=client_left" in caplog.messages[-1]
    assert published.of("image_requests") == {("/{name}", "POST", "499"): [1]}


async def test_where_sending_fails_the_client_has_left(published):
    with pytest.raises(OSError, match="left"):
        await ask(answer=200, body=[MORE, {"body": b"too late"}])
    assert published.of("image_requests") == {("/{name}", "POST", "499"): [1]}


async def test_a_stream_that_is_read_to_its_end_is_an_answer(published):
    await ask(answer=200, body=[MORE, MORE, {}])
    assert published.of("image_requests") == {("/{name}", "POST", "200"): [1]}


# labels


async def test_methods_that_nobody_knows_are_one_value(published):
    await ask(answer=405, method="BREW-" + "x" * 50)
    assert list(published.of("image_requests")) == [("/{name}", "other", "405")]


def test_the_route_is_the_template_and_unknown_paths_are_one_value(service, published):
    service.http.get("/v2/models/caption/ready")
    service.http.get("/v2/models/secret/ready")
    service.http.get("/nowhere/1")
    service.http.get("/nowhere/2")
    assert published.sums("image_requests") == {
        ("/v2/models/{name}/ready", "GET", "200"): 1,
        ("/v2/models/{name}/ready", "GET", "404"): 1,
        ("unknown", "GET", "404"): 2,
    }


def test_what_middleware_refuses_counts_under_its_route(service, published):
    """Before any route was chosen."""
    service.send_json(b"{}", content_encoding="gzip")
    service.http.get("/v1/models", headers={"origin": "https://foreign.example"})
    assert published.sums("image_requests") == {
        ("/v1/images/generations", "POST", "415"): 1,
        ("/v1/models", "GET", "403"): 1,
    }


# errors


def test_a_refusal_says_why(service, published, caplog):
    caplog.set_level(logging.INFO, "ray.serve")
    refusal = errors.DeadlineUnmet("too late")
    service.handles["generator"].answer = lambda *given: refusal
    assert service.generate(deadline_ms=5000).status_code == 429
    assert "status=429 code=deadline_unmet" in caplog.messages[-1]
    assert published.of("image_refused") == {("generate", "deadline_unmet"): [1]}
    service.http.post("/caption", content=b"no image")
    assert "status=415 code=unsupported_image" in caplog.messages[-1]


def test_a_stream_that_fails_after_its_200_counts_under_its_errors_status(service, published):
    service.handles["captioner"].answer = lambda picture: errors.StageFailed("it failed")
    response = service.generate(stream=True, caption=True)
    assert response.status_code == 200
    assert published.sums("image_requests") == {("/v1/images/generations", "POST", "500"): 1}
    assert published.sums("image_errors") == {("caption", "stage_failed"): 1}


def test_a_mistake_of_ours_in_a_stream_does_too(service, published):
    service.handles["captioner"].answer = lambda picture: None
    assert service.generate(stream=True, caption=True).status_code == 200
    assert published.sums("image_requests") == {("/v1/images/generations", "POST", "500"): 1}


def test_latencies_between_ten_and_sixty_seconds_are_told_apart():
    between = [bound for bound in REQUEST_SECONDS.bounds if 10 < bound < 60]
    assert len(between) >= 4 and max(REQUEST_SECONDS.bounds) == 300


async def test_a_traced_answer_names_its_trace(monkeypatch):
    assert (await ask(answer=200))["headers"] == []
    monkeypatch.setattr(logged, "response_header", lambda: "00-ab-cd-01")
    assert (await ask(answer=404))["headers"] == [(b"traceresponse", b"00-ab-cd-01")]
