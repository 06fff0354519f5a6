"""Bodies and queries, read within limits before any route."""

import asyncio

import pytest

from serve_app.config import Limits
from serve_app.ingress.middleware.body import BoundedBody
from tests.images import jpeg
from tests.service import GENERATIONS, Service, assert_refused


@pytest.fixture(scope="module")
def service():
    return Service()


LONGER = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP"])
def test_compressed_bodies_are_a_415_unread(service, encoding):
    for path in (GENERATIONS, "/caption", "/v1/images/edits"):
        response = service.send_json(b"\x1f\x8b", path, content_encoding=encoding)
        assert_refused(response, 415, "unsupported_encoding")
    assert service.send_json(jpeg(), "/caption", content_encoding="identity").status_code == 200


@pytest.mark.parametrize("length", ["²", LONGER, "-1", "1e9", "+5", ""])
def test_a_length_that_is_none_does_no_harm(service, length):
    headers = {"content-length": length.encode("latin-1")}
    response = service.http.post("/caption", content=iter([b"x"]), headers=headers)
    assert response.status_code in (413, 415), response.text


def test_a_huge_query_is_a_400(service):
    response = service.http.post("/v1/canny?" + "a&" * 5_000, content=jpeg())
    assert_refused(response, 400, "invalid_request")
    assert service.http.post("/v1/canny?" + "a&" * 500, content=jpeg()).status_code == 200


# without the API


async def through(limits, *messages, headers=()):
    """What reaches the app, and what is answered in its place: (body, status)."""
    left = list(messages)
    bodies, statuses = [], []

    async def receive():
        if not left:
            await asyncio.sleep(60)
        return left.pop(0)

    async def app(scope, receive, send):
        message = await receive()
        bodies.append((message["body"], message["more_body"]))

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "path": "/x", "query_string": b"", "headers": list(headers)}
    await BoundedBody(app, limits)(scope, receive, send)
    return bodies, statuses


def part(body, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_pieces_reaches_the_app_whole():
    pieces = [part(b"a"), part(b""), part(b"bc"), part(b"", more=False)]
    assert await through(Limits(max_body_bytes=3), *pieces) == ([(b"abc", False)], [])


async def test_one_that_says_no_length_is_cut_at_the_limit_and_not_read_on():
    endless = [part(b"ab")] * 1000
    assert await through(Limits(max_body_bytes=3), *endless) == ([], [413])


async def test_one_that_announces_too_much_is_refused_unread():
    headers = [(b"content-length", b"4")]
    assert await through(Limits(max_body_bytes=3), headers=headers) == ([], [413])


async def test_one_that_does_not_arrive_is_given_up():
    assert await through(Limits(request_timeout_s=0.02), part(b"a")) == ([], [504])


async def test_a_client_that_leaves_half_way_costs_nothing():
    gone = {"type": "http.disconnect"}
    assert await through(Limits(), part(b"a"), gone) == ([], [])


async def test_a_body_that_stalls_is_a_408_long_before_the_time_limit():
    limits = Limits(read_timeout_s=0.01, request_timeout_s=60)
    assert await through(limits, part(b"a"), part(b"b")) == ([], [408])


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            {"request_timeout_s": 0.02},
            "1 bytes came; at most 0.02 s (limits.request_timeout_s, set",
        ),
        ({"read_timeout_s": 0.02}, "at most 0.02 s (limits.read_timeout_s, set by the service's"),
    ],
)
async def test_what_takes_too_long_is_told_whose_limit_it_is(limits, words):
    pieces, sent = [part(b"a")], []

    async def receive():
        return pieces.pop() if pieces else await asyncio.sleep(60)

    async def send(message):
        sent.append(message.get("body", b"").decode())

    scope = {"type": "http", "path": "/x", "query_string": b"", "headers": []}
    await BoundedBody(None, Limits(**limits))(scope, receive, send)
    assert words in "".join(sent)
