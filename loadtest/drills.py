"""`python -m loadtest.drills`: what clients see when a part of the service is killed under load.

    python -m loadtest.drills

Against a running service on this machine, one process of each kind in turn is killed with SIGKILL
while clients ask for captions and generations, each again when it was answered; after a refusal,
when its Retry-After is over. Prints a row for each, and ends with one JSON line. Exits with 1
where a request hung, or the service was not itself again in time.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from loadtest.client import OK, Answer, send
from loadtest.processes import kill_replica
from loadtest.routes import request_to

PARTS = ("Canny", "Generator", "Upscaler", "Captioner", "Ingress", "proxy", "controller")
_CLIENTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("captions", {}),
    ("captions", {}),
    ("generation", {}),
    ("generation", {"upscale": 2, "caption": True}),
)
_BEFORE_S, _QUIET_S, _REQUEST_S = 5.0, 10.0, 120.0


@dataclass
class Drill:
    """One kill; seconds since it."""

    part: str
    answers: list[Answer] = field(default_factory=list)

    @property
    def failed(self) -> Counter[str]:
        return Counter(answer.outcome for answer in self.answers if answer.outcome != OK)

    @property
    def unwell_s(self) -> float:
        """Until the last answer that was no success."""
        ends = [each.sent_s + each.seconds for each in self.answers if each.outcome != OK]
        return max(ends, default=0.0)

    @property
    def slowest_s(self) -> float:
        """Of the successes."""
        return max(answer.seconds for answer in self.answers if answer.outcome == OK)

    def row(self) -> str:
        failed = ", ".join(f"{count} × {kind}" for kind, count in self.failed.items()) or "none"
        count = len(self.answers)
        return f"| {self.part} | {count} | {failed} | {self.unwell_s:.0f} | {self.slowest_s:.1f} |"


async def drill(url: str, part: str, limit_s: float) -> Drill:
    """Kill a part under load, and go on until all has gone well for a while.

    Raises LookupError where no such process runs here, TimeoutError after `limit_s`.
    """
    done = Drill(part)
    began = time.perf_counter() + _BEFORE_S
    over = asyncio.Event()

    def now() -> float:
        return time.perf_counter() - began

    async def client(number: int, route: str, fields: dict[str, object]) -> None:
        while not over.is_set():
            request = request_to(route, number, **fields)
            answer = await send(session, request, _REQUEST_S, sent_s=now())
            done.answers.append(answer)
            if answer.outcome != OK:
                await asyncio.sleep(float(answer.retry_after or 0.5))

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(url, timeout=timeout) as session, asyncio.TaskGroup() as tasks:
        for number, asked in enumerate(_CLIENTS):
            tasks.create_task(client(number, *asked))
        await asyncio.sleep(_BEFORE_S)
        if not await asyncio.to_thread(kill_replica, url, part):
            over.set()
            raise LookupError(f"no process of {part} runs on this machine")
        async with asyncio.timeout(limit_s):
            while not _well_again(done.answers, now()):
                await asyncio.sleep(0.5)
        over.set()
    return done


def _well_again(answers: Sequence[Answer], now_s: float) -> bool:
    """Whether all was well for a while, and every route has been answered since the kill."""
    lately = [each for each in answers if each.sent_s + each.seconds > now_s - _QUIET_S]
    answered = {each.route for each in answers if each.outcome == OK and each.sent_s > 0}
    well = all(each.outcome == OK for each in lately)
    return now_s > _QUIET_S and well and answered == {route for route, _ in _CLIENTS}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--part", action="append", choices=PARTS, help="all where left out")
    parser.add_argument("--limit", type=float, default=150.0, help="seconds to be well again")
    args = parser.parse_args()
    print("| killed | requests | not answered 200 | until, s | slowest success, s |")
    print("|---|---|---|---|---|")
    drills = []
    for part in args.part or PARTS:
        done = asyncio.run(drill(args.url, part, args.limit))
        print(done.row(), flush=True)
        drills.append(done)
    told = {
        each.part: {
            "requests": len(each.answers),
            "failed": dict(each.failed),
            "unwell_s": round(each.unwell_s, 1),
            "slowest_s": round(each.slowest_s, 1),
        }
        for each in drills
    }
    print(json.dumps({"bench": "drills"} | told))
    sys.exit(any("timeout" in each.failed for each in drills))


if __name__ == "__main__":
    main()
