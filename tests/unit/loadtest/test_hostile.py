"""Hostile requests: the same for a seed, of every kind; and what counts as a fault."""

import asyncio
import json

import pytest

from loadtest.hostile.__main__ import drawn
from loadtest.hostile.case import Case, post
from loadtest.hostile.wire import Answer, fault_of, parsed, send

ERROR = {"error": {"message": "no", "type": "t", "param": None, "code": "c"}}
PROPER = post("json", "/generation", b"{}")
INFERENCE = post("inference", "/v2/models/caption/infer", b"{}")
IMPROPER = Case("wire", "/generation", b"G", is_http=False)


def test_a_seed_and_a_number_always_draw_the_same():
    first = [drawn(7, number) for number in range(40)]
    assert [drawn(7, number) for number in reversed(range(40))] == first[::-1]
    assert [drawn(8, number) for number in range(40)] != first
    assert {case.kind.split()[0] for case in first} == {
        "image", "json", "inference", "multipart", "http", "wire",
    }  # fmt: skip


def answer(status, body, kind="application/json", **how):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, kind, body, 0.1, **how)


@pytest.mark.parametrize(
    ("case", "given", "fault"),
    [
        (PROPER, answer(200, b"\x89PNG", "image/png"), None),
        (PROPER, answer(422, ERROR), None),
        (PROPER, answer(422, {"detail": "no"}), "not the contract's error"),
        (PROPER, answer(400, b"Bad Request", "text/plain"), "not the contract's error"),
        (PROPER, answer(500, ERROR), "status 500"),
        (PROPER, answer(0, b""), "no answer"),
        (PROPER, answer(200, b"", is_late=True), "no end within the limit"),
        (PROPER, answer(200, b'data: {"type": "server_error"}'), "an error in a stream"),
        (INFERENCE, answer(400, {"error": "no"}), None),
        (INFERENCE, answer(400, ERROR), "not the contract's error"),
        (IMPROPER, answer(400, b"Invalid HTTP request received.", "text/plain"), None),
        (IMPROPER, answer(0, b""), None),
        (IMPROPER, answer(400, {"detail": "no"}), "not the contract's error"),
        (IMPROPER, answer(502, b"", "text/plain"), "status 502"),
    ],
)
def test_faults(case, given, fault):
    assert fault_of(case, given) == fault


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (b"", (0, "", b"")),
        (b"garbage\r\n\r\n", (0, "", b"")),
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: a/b\r\n\r\nbody", (404, "a/b", b"body")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", (200, "", b"")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            (200, "", b"abcd"),
        ),
    ],
)
def test_answers_are_read(wire, expected):
    assert parsed(wire) == expected


async def test_what_answers_before_the_end_of_the_body_is_heard():
    async def refuse(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 413 Too Large\r\n\r\n" + json.dumps(ERROR).encode())
        await writer.drain()
        writer.close()

    async def keep_silent(reader, writer):
        await reader.read()
        writer.close()
        left.set()

    left = asyncio.Event()
    endless = Case("http endless", "/caption", b"POST", b"x" * 100_000, repeats=1000)
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        given = await send("127.0.0.1", port, endless, 5)
    assert (given.status in (0, 413), fault_of(endless, given)) == (True, None)
    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        given = await send("127.0.0.1", port, PROPER, 0.1)
        assert fault_of(PROPER, given) == "no end within the limit"
        await asyncio.wait_for(left.wait(), 5)
    given = await send("127.0.0.1", port, PROPER, 5)
    assert fault_of(PROPER, given) == "no answer"
