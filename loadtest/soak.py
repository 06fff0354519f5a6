"""`python -m loadtest.soak`: days of unruly clients within minutes, against a running service.

    python -m loadtest.soak --minutes 10 --kill

Every route with pictures of any size, clients that hang up, nonsense; with --kill, a replica of
each deployment is killed with SIGKILL on the way. No request may be lost or hang, none may fail but
by a 429, or by a 503 with Retry-After in the minute after a kill, and memory may not grow by more
than a tenth from the second minute to the last (so give it four at least). Exits with 1 otherwise.
Ends with one JSON line.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from loadtest.client import BROKEN_OFF, HUNG_UP, OK, Answer, send
from loadtest.processes import ALL, kill_replica, memory_mb
from loadtest.report import quantiles
from loadtest.unruly import NONSENSE, any_request

DEPLOYMENTS = ("Canny", "Generator", "Upscaler", "Captioner", "Classifier", "Ingress")
GROWTH = 1.1
_AFTER_KILL_S = 60.0
_CUT_S = 10.0
_SAMPLE_S = 10.0
_LOST, _HUNG, _EXPECTED, _UNEXPECTED = "lost", "hung", "expected", "unexpected"


@dataclass
class Soak:
    """What happened; times in seconds since the start."""

    answers: list[Answer] = field(default_factory=list)
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)  # time, MB
    kills: list[tuple[float, str]] = field(default_factory=list)


async def soak(
    url: str, seconds: float, clients: int, limit_s: float, hang_up: float, kill: bool, seed: int
) -> Soak:
    """Run it: each client asks again when it was answered."""
    seen, began = Soak(), time.perf_counter()

    def now() -> float:
        return time.perf_counter() - began

    async def client(number: int) -> None:
        rng = random.Random(f"{seed} {number}")
        while now() < seconds:
            request = any_request(rng)
            patience_s = rng.expovariate(3.0) if rng.random() < hang_up else None
            answer = await send(session, request, limit_s, patience_s, now())
            seen.answers.append(answer)
            # As a client does that is told to come back later.
            await asyncio.sleep(0.5 if answer.outcome[:3] in ("429", "503", "con", "bro") else 0)

    async def watch_memory() -> None:
        while now() < seconds:
            memory = await asyncio.to_thread(memory_mb, url)
            if memory:
                seen.memory.append((now(), memory))
                print(
                    f"{now():6.0f} s  {len(seen.answers):7} requests  {memory[ALL]:6.0f} MB",
                    file=sys.stderr,
                )
            await asyncio.sleep(_SAMPLE_S)

    async def kill_each() -> None:
        # After the first memory that counts, and early enough to be seen to recover.
        moments = [seconds * (0.2 + 0.6 * i / len(DEPLOYMENTS)) for i in range(len(DEPLOYMENTS))]
        for moment, deployment in zip(moments, DEPLOYMENTS, strict=True):
            await asyncio.sleep(max(0.0, moment - now()))
            if await asyncio.to_thread(kill_replica, url, deployment):
                seen.kills.append((now(), deployment))
                print(f"{now():6.0f} s  killed a replica of {deployment}", file=sys.stderr)

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for number in range(clients):
            tasks.create_task(client(number))
        tasks.create_task(watch_memory())
        if kill:
            tasks.create_task(kill_each())
    return seen


def fate(answer: Answer, kills: Sequence[tuple[float, str]]) -> str:
    """`expected`, or what is wrong: `lost`, `hung`, `unexpected`."""
    outcome = answer.outcome
    ended_s = answer.sent_s + answer.seconds
    if outcome == BROKEN_OFF:
        # An answer that had begun when its ingress was killed cannot be taken up by another.
        cut = any(name == "Ingress" and 0 <= ended_s - at < _CUT_S for at, name in kills)
        return _EXPECTED if cut else _LOST
    if outcome == "connection":
        return _LOST
    if outcome == "timeout":
        return _HUNG
    status = outcome[:3]
    killed = any(at <= ended_s and answer.sent_s <= at + _AFTER_KILL_S for at, _ in kills)
    refused = killed and (
        (status == "503" and answer.retry_after is not None) or outcome == "200 stage_unavailable"
    )
    sane = outcome == OK if answer.route != NONSENSE else status in ("400", "404", "415", "422")
    return _EXPECTED if sane or refused or outcome == HUNG_UP or status == "429" else _UNEXPECTED


def growth(memory: Sequence[tuple[float, dict[str, float]]]) -> dict[str, Any] | None:
    """Mean MB in the second minute and in the last one, by process, and the ratio of all together.

    None if the run was too short.
    """
    first = [each for at, each in memory if 60 <= at < 120]
    last = [each for at, each in memory if at >= memory[-1][0] - 60]
    if not first:
        return None

    def mean(samples: list[dict[str, float]], kind: str) -> float:
        return statistics.fmean(each.get(kind, 0.0) for each in samples)

    return {
        "mb": {kind: [round(mean(first, kind)), round(mean(last, kind))] for kind in last[-1]},
        "ratio": round(mean(last, ALL) / mean(first, ALL), 3),
    }


def summary(seen: Soak) -> dict[str, Any]:
    """The run as JSON; `passed` is the verdict."""
    fates = Counter(fate(answer, seen.kills) for answer in seen.answers)
    wrong = [a for a in seen.answers if fate(a, seen.kills) != _EXPECTED]
    memory = growth(seen.memory)
    failed = fates[_LOST] + fates[_HUNG] + fates[_UNEXPECTED]
    return {
        "passed": not failed and (memory is None or memory["ratio"] <= GROWTH),
        "requests": len(seen.answers),
        "outcomes": dict(Counter(answer.outcome for answer in seen.answers).most_common()),
        **{kind: fates[kind] for kind in (_LOST, _HUNG, _UNEXPECTED)},
        "memory": memory,
        "kills": [[round(at, 1), name] for at, name in seen.kills],
        "wrong": [
            [round(a.sent_s, 1), round(a.seconds, 1), a.route, a.outcome, a.retry_after]
            for a in wrong
        ],
    }


def table(answers: Sequence[Answer]) -> str:
    """By route: how many of each outcome, and latencies of the successes in ms."""
    routes: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        routes[answer.route].append(answer)
    lines = [f"{'route':22}{'requests':>9}{'p50 ms':>9}{'p99 ms':>9}  outcomes"]
    for route, those in sorted(routes.items()):
        ms = quantiles([1000 * each.seconds for each in those if each.outcome == OK]) or {}
        outcomes = Counter(each.outcome for each in those).most_common()
        told = ", ".join(f"{outcome} {count}" for outcome, count in outcomes)
        p50, p99 = ms.get("p50", "-"), ms.get("p99", "-")
        lines.append(f"{route:22}{len(those):9}{p50:>9}{p99:>9}  {told}")
    return "\n".join(lines)


def main() -> None:
    args = _arguments()
    seconds = 60 * args.minutes
    run = soak(args.url, seconds, args.clients, args.limit, args.hang_up, args.kill, args.seed)
    seen = asyncio.run(run)
    told = summary(seen)
    print(table(seen.answers))
    counts = ", ".join(f"{told[kind]} {kind}" for kind in (_LOST, _HUNG, _UNEXPECTED))
    memory = told["memory"] or {"ratio": "unknown"}
    print(f"{'passed' if told['passed'] else 'FAILED'}: {counts}; memory ratio {memory['ratio']}")
    print(json.dumps(told))
    sys.exit(0 if told["passed"] else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000")
    add("--minutes", type=float, default=10.0)
    add("--clients", type=int, default=6, help="each asks again when it was answered")
    add("--limit", type=float, default=150.0, help="seconds after which a request hangs")
    add("--hang-up", type=float, default=0.1, help="the share of clients that leave early")
    add("--kill", action="store_true", help="kill a replica of each deployment on the way")
    add("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
