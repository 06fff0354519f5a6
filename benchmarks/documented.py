"""`python -m benchmarks.documented`: this service's batching against `@serve.batch` as documented.

The documented deployment is that of Ray's guide "Dynamic Request Batching": a plain
`@serve.deployment`, a decorated `__call__`, the model called in its body; `documented_64` has room
for 64 requests where Ray's default is 5. All have the same models, in a Ray of their own, one core
each, and are called by handles, without HTTP. A request arrives every tenth of the faster side's
time for a full batch: faster than either side can serve, so that only the way of serving decides.

Ends with one JSON line: requests a second until the last answer, mean batch sizes, and ratios.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import harmonic_mean, mean, median
from typing import Any

from ray import serve
from tqdm import tqdm

from benchmarks.reference import ReferenceCaptioner, ReferencePipelines
from benchmarks.same_work import BATCH, CAPTIONER, MODEL, SIDE, request_of, works
from benchmarks.sides import CONDITIONING, own_ray
from loadtest.routes import sketch
from serve_app.config import Defaults, Limits
from serve_app.deployments.captioner import Captioner
from serve_app.deployments.generator import Generator
from serve_app.messages import Terms

_ROOM = 64  # requests in progress, where they are not Ray's default
_LIMIT_S = 300.0  # of a run
_OURS = {"max_ongoing_requests": _ROOM, "ray_actor_options": {"num_cpus": 1}}

Call = Callable[[int], Awaitable[int]]
"""Processes the item of this number, and returns the size of its batch."""


@serve.deployment
class Documented:
    """The libraries' calls in `@serve.batch`; `load` runs once in the replica and returns the
    call."""

    def __init__(self, load: Callable[[], Callable[[list[Any]], list[Any]]]) -> None:
        self.model = load()

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=0.1)
    async def __call__(self, items: list[Any]) -> list[tuple[Any, int]]:
        return [(result, len(items)) for result in self.model(items)]

    async def whole_batch(self, items: list[Any]) -> None:
        """One call of the model, past `@serve.batch`, with as many items as given."""
        self.model(items)


async def captions(requests: int, rounds: int) -> dict[str, Any]:
    deployment = Captioner.options(
        user_config={"max_batch_size": BATCH, "batch_wait_timeout_s": 0.01}, **_OURS
    )
    ours = serve.run(deployment.bind(CAPTIONER, Limits()), name="captions", route_prefix=None)

    async def call(number: int) -> int:
        return (await ours.remote(sketch())).report.batch_size

    items = [sketch()] * BATCH
    return await _compared(call, lambda: ReferenceCaptioner(CAPTIONER).caption, items,
                           requests, rounds)  # fmt: skip


async def generation(requests: int, rounds: int) -> dict[str, Any]:
    deployment = Generator.options(user_config={"max_batch_size": BATCH}, **_OURS)
    defaults = Defaults(width=SIDE, height=SIDE)
    ours = serve.run(deployment.bind(MODEL, Limits(), defaults), name="images", route_prefix=None)

    async def call(number: int) -> int:
        return (await ours.remote(request_of(number), Terms(), CONDITIONING)).report.batch_size

    return await _compared(call, lambda: ReferencePipelines(MODEL).generate, works(BATCH),
                           requests, rounds)  # fmt: skip


async def _compared(
    ours: Call,
    load: Callable[[], Callable[[list[Any]], list[Any]]],
    items: list[Any],
    requests: int,
    rounds: int,
) -> dict[str, Any]:
    """The service, the documented deployment and its variant with 64 slots, in turn."""
    plain = serve.run(Documented.bind(load), name="documented", route_prefix=None)
    roomy = serve.run(
        Documented.options(max_ongoing_requests=_ROOM).bind(load), name="roomy", route_prefix=None
    )
    batch_s = {
        "service": await _seconds(lambda: asyncio.gather(*map(ours, range(BATCH)))),
        "documented": await _seconds(lambda: plain.whole_batch.remote(items)),
    }
    gap_s = min(batch_s.values()) / 10

    def by(handle: Any) -> Call:
        async def call(number: int) -> int:
            return (await handle.remote(items[number % len(items)]))[1]

        return call

    sides = {"service": ours, "documented": by(plain), "documented_64": by(roomy)}
    for call in sides.values():
        await call(0)
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            seen[name].append(await staggered(name, call, requests, gap_s))
    for name in ("documented", "roomy"):
        serve.delete(name)
    rounded = {name: round(seconds, 3) for name, seconds in batch_s.items()}
    return {"batch_of_8_s": rounded, "requests": requests} | summary(seen)


async def _seconds(call: Callable[[], Awaitable[object]]) -> float:
    """The mean of three calls after a first."""
    await call()
    began = time.perf_counter()
    for _ in range(3):
        await call()
    return (time.perf_counter() - began) / 3


async def staggered(name: str, call: Call, requests: int, gap_s: float) -> dict[str, float]:
    """An open loop: one request every `gap_s` seconds."""
    with tqdm(total=requests, unit="request", desc=name) as bar:

        async def one(number: int) -> int:
            await asyncio.sleep(number * gap_s)
            size = await call(number)
            bar.update()
            return size

        began = time.perf_counter()
        async with asyncio.timeout(_LIMIT_S):
            sizes = await asyncio.gather(*map(one, range(requests)))
    seconds = time.perf_counter() - began
    # Sizes are reported per item, so large batches count more often; the harmonic mean undoes that.
    return {"throughput_per_s": requests / seconds, "mean_batch_size": harmonic_mean(sizes)}


def summary(seen: Mapping[str, Sequence[dict[str, float]]]) -> dict[str, Any]:
    """Means of the rounds' numbers, and medians of the ratios within each."""
    result: dict[str, Any] = {
        name: {what: round(mean(each[what] for each in rounds), 2) for what in rounds[0]}
        for name, rounds in seen.items()
    }
    for other in ("documented", "documented_64"):
        ratios = [
            ours["throughput_per_s"] / theirs["throughput_per_s"]
            for ours, theirs in zip(seen["service"], seen[other], strict=True)
        ]
        result[f"throughput_over_{other}"] = round(median(ratios), 2)
    return result


async def _main(args: argparse.Namespace) -> dict[str, Any]:
    result = {}
    async with own_ray(num_cpus=4):
        for compare in (captions, generation):
            if compare.__name__ in args.route:
                result[compare.__name__] = await compare(args.requests, args.rounds)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    routes = ("captions", "generation")
    parser.add_argument("--route", nargs="+", choices=routes, default=routes)
    parser.add_argument("--requests", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=1)
    print(json.dumps(asyncio.run(_main(parser.parse_args()))))


if __name__ == "__main__":
    main()
