"""The load generator against a small server in this process."""

import asyncio
from collections import Counter

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from loadtest.arrivals import closed, poisson
from loadtest.client import HUNG_UP, LATE, OK, REFUSED, Manner, load, stages_of
from loadtest.routes import request_to


class Service:
    """Answers after a time what it is told to; counts who is there at once, and who left."""

    def __init__(self) -> None:
        self.seconds = 0.02
        self.answers = [web.json_response]
        self.seen = self.inside = self.most = self.left = 0

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        answer = self.answers[self.seen % len(self.answers)]
        self.seen += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.left += 1
            raise
        finally:
            self.inside -= 1
        return answer({"caption": "a"}, headers={"Server-Timing": "queue;dur=1.5, caption;dur=7"})


def error(status: int, code: str):
    body = {"error": {"message": "no", "type": "t", "param": None, "code": code}}
    return lambda *_, **__: web.json_response(body, status=status, headers={"Retry-After": "3"})


@pytest.fixture
async def service():
    service = Service()
    app = web.Application()
    app.router.add_post("/{path:.*}", service.handle)
    server = TestServer(app)
    await server.start_server()
    service.url = str(server.make_url("/"))
    yield service
    await server.close()


def requests(count, route="captions", **fields):
    return [request_to(route, number, **fields) for number in range(count)]


def outcomes(answers):
    return Counter(answer.outcome for answer in answers)


async def test_a_closed_loop_keeps_its_concurrency(service):
    answers, seconds = await load(service.url, requests(20), closed(20, 4))
    assert outcomes(answers) == {OK: 20}
    assert service.seen == 20
    assert service.most == 4
    assert seconds >= 5 * service.seconds


async def test_an_open_loop_sends_at_its_moments_whatever_is_answered(service):
    service.seconds = 0.5
    arrivals = poisson(10, 100.0, seed=0)
    answers, _ = await load(service.url, requests(10), arrivals)
    assert service.most == 10
    sent = sorted(answer.sent_s for answer in answers)
    assert sent == pytest.approx(arrivals.moments, abs=0.1)


async def test_stages_and_latency_are_read(service):
    (answer,), _ = await load(service.url, requests(1), closed(1, 1))
    assert answer.stages_ms == {"queue": 1.5, "caption": 7.0}
    assert 0.02 <= answer.seconds < 0.5


def test_a_header_without_stages_gives_none():
    assert stages_of("") == {}
    assert stages_of('cache;desc="hit", a-b;dur=2') == {"a-b": 2.0}


async def test_errors_are_told_by_status_and_code(service):
    service.answers = [
        web.json_response,
        error(429, "queue_full"),
        error(503, "stage_unavailable"),
        lambda *_, **__: web.Response(status=500, text="Internal Server Error"),
    ]
    answers, _ = await load(service.url, requests(8), closed(8, 1))
    assert outcomes(answers) == {
        OK: 2, "429 queue_full": 2, "503 stage_unavailable": 2, "500": 2,
    }  # fmt: skip
    assert {a.retry_after for a in answers if a.outcome == "429 queue_full"} == {"3"}


async def test_deadlines_are_no_errors_where_one_was_set(service):
    service.answers = [error(429, "deadline_unmet"), error(504, "timed_out")]
    with_deadline = requests(4, "generation", deadline_ms=50)
    answers, _ = await load(service.url, with_deadline, closed(4, 1))
    assert outcomes(answers) == {REFUSED: 2, LATE: 2}
    answers, _ = await load(service.url, requests(2, "generation"), closed(2, 1))
    assert outcomes(answers) == {"429 deadline_unmet": 1, "504 timed_out": 1}


async def test_clients_that_hang_up_are_told_apart_and_really_leave(service):
    service.seconds = 0.1
    manner = Manner(hang_up=0.5, seed=1)
    answers, _ = await load(service.url, requests(40), closed(40, 8), manner)
    counted = outcomes(answers)
    assert set(counted) == {OK, HUNG_UP}
    assert 10 <= counted[HUNG_UP] <= 30
    async with asyncio.timeout(10):
        while service.left <= counted[HUNG_UP] / 2:  # some leave before they are heard
            await asyncio.sleep(0.01)
    assert service.left <= counted[HUNG_UP]


async def test_a_request_that_takes_too_long_is_a_timeout(service):
    service.seconds = 5.0
    answers, seconds = await load(service.url, requests(3), closed(3, 3), Manner(timeout_s=0.1))
    assert outcomes(answers) == {"timeout": 3}
    assert seconds < 2


async def test_a_run_ends_at_its_limit(service):
    service.seconds = 0.2
    answers, seconds = await load(service.url, requests(50), closed(50, 1), Manner(limit_s=0.5))
    assert len(answers) < 6
    assert seconds < 2


async def test_nobody_there_is_a_connection_error():
    url = f"http://127.0.0.1:{unused_port()}"
    answers, _ = await load(url, requests(3), closed(3, 1))
    assert outcomes(answers) == {"connection": 3}
