"""Sends requests on an arrival schedule, bounded in number and time, and records each outcome."""

import asyncio
import random
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
from tqdm import tqdm

from loadtest.arrivals import Arrivals, closed
from loadtest.routes import Request, request_to

OK, HUNG_UP, REFUSED, LATE = "ok", "hung up", "deadline refused", "deadline passed"
BROKEN_OFF = "broken off"
_STAGE = re.compile(r"([\w-]+);dur=([\d.]+)")
_BY_DEADLINE = {"429 deadline_unmet": REFUSED, "504 timed_out": LATE}


@dataclass(frozen=True)
class Manner:
    """How the clients of a run behave."""

    timeout_s: float = 120.0  # of one request
    limit_s: float = 600.0  # of the run; what is not sent by then is dropped
    hang_up: float = 0.0  # the share of clients that leave within the usual latency
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """The outcome of a request: one of the constants above, or the kind of error."""

    route: str
    outcome: str
    sent_s: float  # since the run began
    seconds: float  # until the last byte, or until it ended otherwise
    stages_ms: dict[str, float] = field(default_factory=dict)
    retry_after: str | None = None


def run(
    url: str, route: str, count: int, concurrency: int, **fields: object
) -> tuple[list[Answer], float]:
    """`count` requests to one route in a closed loop; their answers, and the seconds it took."""
    requests = [request_to(route, number, **fields) for number in range(count)]
    return asyncio.run(load(url, requests, closed(count, concurrency)))


async def load(
    url: str, requests: Sequence[Request], arrivals: Arrivals, manner: Manner | None = None
) -> tuple[list[Answer], float]:
    """The answers in the order in which they came, and the seconds until the last."""
    manner = manner or Manner()
    rng = random.Random(manner.seed)
    patiences = [rng.random() if rng.random() < manner.hang_up else None for _ in requests]
    places = asyncio.Semaphore(arrivals.in_flight)
    answers: list[Answer] = []
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:
        usual_s: dict[str, list[float]] = defaultdict(list)
        if manner.hang_up:
            for request in {request.route: request for request in requests}.values():
                before = await send(session, request, manner.timeout_s)
                usual_s[request.route].append(before.seconds)
        bar = tqdm(total=len(requests), unit="request", desc=arrivals.label)
        began = time.perf_counter()

        async def client(request: Request, moment: float, patience: float | None) -> None:
            await asyncio.sleep(max(0.0, began + moment - time.perf_counter()))
            async with places:
                sent_s = time.perf_counter() - began
                within_s = min(manner.timeout_s, manner.limit_s - sent_s)
                if within_s <= 0:
                    return
                patience_s = None
                if patience is not None:
                    patience_s = patience * statistics.median(usual_s[request.route])
                answer = await send(session, request, within_s, patience_s, sent_s)
            answers.append(answer)
            if answer.outcome == OK:
                usual_s[request.route].append(answer.seconds)
            bar.update()

        with bar:
            await asyncio.gather(*map(client, requests, arrivals.moments, patiences))
        return answers, time.perf_counter() - began


async def send(
    session: aiohttp.ClientSession,
    request: Request,
    within_s: float,
    patience_s: float | None = None,
    sent_s: float = 0.0,
) -> Answer:
    """One request and its answer. Raises nothing that the service or the network could cause."""
    leaves = patience_s is not None and patience_s < within_s
    began = time.perf_counter()
    stages: dict[str, float] = {}
    retry_after = None
    headers = {"Content-Type": request.content_type}
    answered = False
    try:
        async with (
            asyncio.timeout(patience_s if leaves else within_s),
            session.post(request.path, data=request.body, headers=headers) as response,
        ):
            answered = True
            body = await response.read()
            retry_after = response.headers.get("Retry-After")
            stages = stages_of(response.headers.get("Server-Timing", ""))
            outcome = OK if response.status == 200 else _error_kind(response.status, body)
            if outcome == OK and response.content_type == "text/event-stream":
                outcome = _end_of_stream(body)
    except TimeoutError:
        outcome = HUNG_UP if leaves else "timeout"
    except aiohttp.ClientError:
        outcome = BROKEN_OFF if answered else "connection"
    seconds = time.perf_counter() - began
    if b'"deadline_ms"' in request.body:
        outcome = _BY_DEADLINE.get(outcome, outcome)
    return Answer(request.route, outcome, sent_s, seconds, stages, retry_after)


def stages_of(server_timing: str) -> dict[str, float]:
    """Milliseconds by stage of a `Server-Timing` header."""
    return {stage: float(ms) for stage, ms in _STAGE.findall(server_timing)}


def _end_of_stream(body: bytes) -> str:
    """Of events under status 200: an error can be one of them, and the last may be missing."""
    if b".completed" in body:
        return OK
    kind = _error_kind(200, body)
    return BROKEN_OFF if kind == "200" else kind


def _error_kind(status: int, body: bytes) -> str:
    """The status and the error body's code, `429 queue_full`."""
    code = re.search(rb'"code":\s*"(\w+)"', body)
    return f"{status} {code[1].decode()}" if code else str(status)
