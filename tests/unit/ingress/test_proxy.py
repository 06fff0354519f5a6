"""What Ray's proxy answers by itself, in the contract's shape."""

import pytest
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from serve_app.ingress import proxy
from tests.service import assert_refused


def through_proxy(app):
    client = TestClient(proxy.ContractErrors(app), raise_server_exceptions=False)
    return client.get("/x", headers={"x-request-id": "abc"})


def test_a_lost_ingress_is_a_503_with_retry_after():
    async def silent(scope, receive, send):
        return None

    response = through_proxy(silent)
    assert_refused(response, 503, "stage_unavailable")
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["x-request-id"] == "abc"


@pytest.mark.parametrize(("status", "expected"), [(408, 504), (404, 404), (429, 429), (500, 503)])
def test_plain_text_of_the_proxy_is_replaced(status, expected):
    from starlette.responses import PlainTextResponse

    assert_refused(through_proxy(PlainTextResponse("oops", status)), expected, code=None)


async def headers_behind_proxy(name, value, path="/x"):
    """What Serve, and the ingress behind it, get of a client's header."""
    seen = {}

    async def serve(scope, receive, send):
        seen.update((name, value.decode()) for name, value in scope["headers"])
        await JSONResponse({})(scope, receive, send)

    async def ignore(message):
        pass

    scope = {"type": "http", "path": path, "headers": [(name, value)]}
    await proxy.ContractErrors(serve)(scope, None, ignore)
    return seen


@pytest.mark.parametrize("request_id", [b"x" * 201, b"", b"a\tb", b"a\x1b[31m", b"\xe9\xff"])
async def test_a_request_id_that_is_unfit_for_logs_is_left_to_the_proxy(request_id):
    assert not await headers_behind_proxy(b"x-request-id", request_id)
    kept = await headers_behind_proxy(b"x-request-id", b"a b-1")
    assert kept == {b"x-request-id": "a b-1"}


async def test_headers_that_are_no_unicode_are_decoded_as_http_has_it():
    for value in (b"\xe9\xff", "éÿ".encode()):
        assert await headers_behind_proxy(b"user-agent", value) == {b"user-agent": "éÿ"}


def test_our_own_answers_pass_untouched(service):
    response = through_proxy(service.api)
    assert_refused(response, 404, "not_found")


@pytest.mark.parametrize(("path", "traced"), [("/x", True), ("/health", False)])
async def test_polls_are_not_traced(path, traced):
    """Serve takes the last `traceparent` that it finds."""
    asked = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    found = (await headers_behind_proxy(b"traceparent", asked, path))[b"traceparent"]
    context = TraceContextTextMapPropagator().extract({"traceparent": found})
    span = trace.get_current_span(context).get_span_context()
    assert span.is_valid and span.trace_flags.sampled is traced
