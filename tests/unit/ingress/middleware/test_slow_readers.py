import asyncio
import socket

import pytest
import uvicorn

from serve_app.ingress.middleware.slow_readers import SlowReaders, StatedWriteTimeout

HTTP = {"type": "http", "path": "/v1/images/generations"}
START = {"type": "http.response.start", "status": 200, "headers": []}
LARGE = {"type": "http.response.body", "body": bytes(3_000_000), "more_body": False}


class Connection:
    """uvicorn's side: a request whose `send` waits while the client takes too little."""

    def __init__(self, takes):
        self.takes, self.sent, self.aborted = takes, [], False
        self.transport = self
        self._writable = asyncio.Event()

    async def send(self, message):
        size = sum(len(each.get("body", b"")) for each in self.sent)
        if size > self.takes and not self.aborted:
            await self._writable.wait()
        self.sent.append(message)

    def abort(self):
        self.aborted = True
        self._writable.set()


async def answering(connection, *messages, seconds=0.05):
    async def api(scope, receive, send):
        for message in messages:
            await send(dict(message))

    app = SlowReaders(StatedWriteTimeout(api, seconds))
    await asyncio.wait_for(app(HTTP, None, connection.send), 5)


@pytest.mark.parametrize("more", [(), (LARGE, LARGE)])
async def test_a_client_that_takes_nothing_is_cut_off(more):
    connection = Connection(takes=1_000_000)
    await answering(connection, START, LARGE, *more)
    assert connection.aborted


async def test_one_that_takes_everything_gets_it_in_pieces():
    connection = Connection(takes=1e9)
    await answering(connection, START, LARGE)
    start, *body = connection.sent
    assert start["headers"] == [], "the time limit is between the ingress and the proxy"
    assert b"".join(piece["body"] for piece in body) == LARGE["body"]
    assert [piece["more_body"] for piece in body] == [True] * (len(body) - 1) + [False]
    assert max(len(piece["body"]) for piece in body) <= 256 * 1024


async def test_an_answer_that_states_no_time_limit_may_take_any():
    connection = Connection(takes=10)

    async def other(scope, receive, send):
        await send(START)
        await send(LARGE)

    waiting = asyncio.create_task(SlowReaders(other)(HTTP, None, connection.send))
    await asyncio.wait([waiting], timeout=0.1)
    assert not waiting.done() and not connection.aborted
    waiting.cancel()


async def test_a_stalled_connection_is_cut_by_the_server_itself():
    """The server that Ray's proxy is, over a socket: what the app sees is that the client left."""
    left = asyncio.Event()

    async def endless(scope, receive, send):
        await receive()
        await send(START)
        watching = asyncio.create_task(receive())
        while not watching.done():
            await send(LARGE | {"more_body": True})
            await asyncio.sleep(0)
        assert watching.result()["type"] == "http.disconnect"
        left.set()

    app = SlowReaders(StatedWriteTimeout(endless, 0.2))
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        serving = asyncio.create_task(server.serve([listening]))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listening.getsockname())
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await asyncio.wait_for(left.wait(), 10)
        server.should_exit = True
        await asyncio.wait_for(serving, 10)
        client.settimeout(10)
        while client.recv(1 << 20):  # what was on its way, then the end
            pass
