"""`python -m loadtest.hostile`: requests that nobody should send, and whether the service minds.

    python -m loadtest.hostile --count 2000 --seed 0
    python -m loadtest.hostile --only 1234              # one of them again, and its answer

Beside them `/health` is asked every 0.2 s. Fails where anything is answered by a 5xx, outside of
the contract's shape, or not within the limit, and where `/health` takes longer than it may. What a
fault was an answer to is kept in `--out`; the last line is the result as JSON.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from loadtest.hostile import bodies, oddities, pictures
from loadtest.hostile.case import Case, Draw, head
from loadtest.hostile.wire import Answer, fault_of, send
from loadtest.report import quantiles

_DRAWS: list[tuple[Draw, float]] = [
    (pictures.draw, 5), (bodies.json_body, 3), (bodies.inference, 2), (bodies.multipart, 2),
    (oddities.draw, 2),
]  # fmt: skip
_HEALTH = Case("health", "/health", head("GET", "/health"))
_HEALTH_EVERY_S = 0.2


def main() -> int:
    args = _arguments()
    where = urlsplit(args.url)
    host, port = where.hostname or "127.0.0.1", where.port or 80
    if args.only is not None:
        case = drawn(args.seed, args.only)
        answer = asyncio.run(send(host, port, case, args.limit))
        print(case.kind, case.path, case.wire[:2000], answer, sep="\n")
        return fault_of(case, answer) is not None
    result = asyncio.run(_run(args, host, port))
    for kind, statuses in sorted(result["statuses"].items()):
        told = ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items()))
        print(f"{kind:16} {told}")
    for fault in result["faults"]:
        print(f"{fault['number']}: {fault['kind']} {fault['path'][:60]}: {fault['fault']}")
    print(json.dumps(result))
    return 1 if result["faults"] or result["health"]["faults"] else 0


def drawn(seed: int, number: int) -> Case:
    """The `number`th request of a seed, whatever the others are."""
    rng = random.Random(f"{seed} {number}")
    (draw,) = rng.choices(*zip(*_DRAWS, strict=True))
    return draw(rng)


async def _run(args: argparse.Namespace, host: str, port: int) -> dict[str, Any]:
    statuses: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: list[float] = []
    faults: list[dict[str, Any]] = []
    numbers = iter(tqdm(range(args.count), unit="request"))

    async def client() -> None:
        for number in numbers:
            case = await asyncio.to_thread(drawn, args.seed, number)
            answer = await send(host, port, case, args.limit)
            statuses[case.kind][str(answer.status or "none")] += 1
            seconds.append(answer.seconds)
            fault = fault_of(case, answer)
            if fault:
                faults.append(_kept(args.out, number, case, answer, fault))

    checks: list[tuple[int, float]] = []
    watching = asyncio.create_task(_watched(host, port, checks))
    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(args.concurrency)))
    whole_s = time.perf_counter() - began
    watching.cancel()
    return {
        "count": args.count,
        "seed": args.seed,
        "seconds": round(whole_s, 1),
        "statuses": statuses,
        "latency_ms": quantiles([1000 * each for each in seconds]),
        "faults": faults,
        "health": {
            "count": len(checks),
            "ms": quantiles([1000 * each for _, each in checks]),
            "faults": sum(status != 200 or each > args.health_limit for status, each in checks),
        },
    }


async def _watched(host: str, port: int, checks: list[tuple[int, float]]) -> None:
    """Status and seconds of `/health`, over and over."""
    while True:
        answer = await send(host, port, _HEALTH, 30.0)
        checks.append((answer.status, answer.seconds))
        await asyncio.sleep(max(0.0, _HEALTH_EVERY_S - answer.seconds))


def _kept(out: Path, number: int, case: Case, answer: Answer, fault: str) -> dict[str, Any]:
    """A fault for the report, with the request and the answer in files."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{number}.request").write_bytes(case.wire)
    (out / f"{number}.answer").write_bytes(answer.body)
    return {
        "number": number,
        "kind": case.kind,
        "path": case.path,
        "fault": fault,
        "seconds": round(answer.seconds, 2),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000")
    add("--count", type=int, default=2000)
    add("--seed", type=int, default=0)
    add("--only", type=int, help="the number of one request")
    add("--concurrency", type=int, default=4)
    add("--limit", type=float, default=30.0, help="seconds, of a request")
    add("--health-limit", type=float, default=0.5, help="seconds that /health may take")
    add("--out", type=Path, default=Path("build/hostile"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
