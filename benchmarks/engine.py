"""`python -m benchmarks.engine`: the step-level engine against diffusers' pipelines, in one run.

    python -m benchmarks.engine offline     # one process, no service: batches of 1 and 8
    python -m benchmarks.engine served      # against a running, idle service; --url
    python -m benchmarks.engine latency     # Poisson arrivals, by step and by request
    python -m benchmarks.engine admission   # deadlines under twice the capacity

The last two deploy the generator, and beside it the same micro-batching around a pipeline call.
Networks run eagerly on either side, in `served` by the service's own backend. Torch gets one thread
everywhere. Each ends with one JSON line of ratios.
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.reference import ReferencePipelines
from benchmarks.same_work import BATCH, EAGER_MODEL, MODEL, request_of, works
from benchmarks.sides import Answer, arriving, both_sides, closed_loop
from loadtest.client import OK, run
from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from serve_app.errors import DeadlineUnmet
from serve_app.messages import GenerationRequest
from serve_app.runtimes.generator import GeneratorRuntime


def offline(args: argparse.Namespace) -> dict[str, Any]:
    """In batches of one and of eight: the largest pixel difference, and the throughput."""
    runtime, reference = GeneratorRuntime(EAGER_MODEL), ReferencePipelines(MODEL)
    result: dict[str, Any] = {}
    for size in (1, BATCH):
        batch = works(size)
        ratios = []
        for _ in range(args.rounds):
            ours, ours_s = _timed(_engine_images, runtime, batch)
            theirs, theirs_s = _timed(reference.generate, batch)
            ratios.append(theirs_s / ours_s)
        apart = [np.abs(a.astype(int) - b).max() for a, b in zip(ours, theirs, strict=True)]
        result[f"batch_{size}"] = {
            "largest_difference": int(max(apart)),
            "throughput_over_pipeline": _three(statistics.median(ratios)),
        }
    return result


def served(args: argparse.Namespace) -> dict[str, Any]:
    """A running service at concurrency 8 and 1, against the pipeline called directly here."""
    reference = ReferencePipelines(MODEL)
    reference.generate(works(BATCH))
    throughput, ratio, extra = [], [], []
    for _ in range(args.rounds):
        offline_s = sum(_timed(reference.generate, works(BATCH))[1] for _ in range(2))
        _, served_s = _answered(args.url, 4 * BATCH, BATCH)
        throughput.append((4 * BATCH / served_s) / (2 * BATCH / offline_s))
        direct_s = statistics.median(_timed(reference.generate, works(1))[1] for _ in range(5))
        latency_s = statistics.median(_answered(args.url, 5, 1)[0])
        ratio.append(latency_s / direct_s)
        extra.append(latency_s - direct_s)
    return {
        "concurrency_8_throughput_over_offline_batches_of_8": _three(statistics.median(throughput)),
        "concurrency_1_latency_over_direct_call": _three(statistics.median(ratio)),
        "concurrency_1_latency_less_direct_call_ms": round(1000 * statistics.median(extra)),
        "throughput_of_each_round": [_three(value) for value in throughput],
    }


def _answered(url: str, count: int, concurrency: int) -> tuple[list[float], float]:
    """The latencies of `count` generations and the seconds of all together. Exits if one fails."""
    answers, seconds = run(url, "generation", count, concurrency)
    if failed := [answer.outcome for answer in answers if answer.outcome != OK]:
        raise SystemExit(f"{len(failed)} of {count} requests to {url} failed: {failed[0]}")
    return [answer.seconds for answer in answers], seconds


def latency(args: argparse.Namespace) -> dict[str, Any]:
    """Poisson arrivals at a share of the pipeline's capacity: latency of continuous batching over
    that of request-level batching."""
    return asyncio.run(_latency(args, _step_s()))


async def _latency(args: argparse.Namespace, step_s: float) -> dict[str, Any]:
    result: dict[str, Any] = {"requests": args.requests, "load": args.load}
    async with both_sides() as (by_step, by_request):
        for name, steps in (("steps_10_and_30", (10, 30)), ("steps_20", (20,))):
            requests, gaps = _poisson(args.requests, steps, args.load * BATCH / (20 * step_s))
            theirs = _seconds(await arriving(by_request, requests, gaps))
            answers = await arriving(by_step, requests, gaps)
            ours = _seconds(answers)
            result[name] = {
                "mean": _three(ours.mean() / theirs.mean()),
                "p50": _three(np.quantile(ours, 0.5) / np.quantile(theirs, 0.5)),
                "p99": _three(np.quantile(ours, 0.99) / np.quantile(theirs, 0.99)),
                "seconds_by_step": _quantiles(ours),
                "seconds_by_request": _quantiles(theirs),
                "predicted_within_25_percent": _well_predicted(answers),
            }
    return result


def admission(args: argparse.Namespace) -> dict[str, Any]:
    """Accuracy of the ETA at a steady concurrency; deadlines at twice the capacity."""
    return asyncio.run(_admission(args, _step_s()))


async def _admission(args: argparse.Namespace, step_s: float) -> dict[str, Any]:
    requests, gaps = _poisson(args.requests, (10, 30), 2 * BATCH / (20 * step_s))
    async with both_sides() as (by_step, _):
        steady = {
            f"predicted_within_25_percent_at_concurrency_{clients}": _well_predicted(
                await closed_loop(by_step, requests, clients)
            )
            for clients in (4, 12)
        }
        answers = await arriving(by_step, requests, gaps, finish_within_s=args.deadline)
    admitted = _seconds(answers)
    refused = sum(isinstance(answer, DeadlineUnmet) for answer in answers)
    return {
        "requests": args.requests,
        "deadline_s": args.deadline,
        "admitted": _three(len(admitted) / args.requests),
        "refused": _three(refused / args.requests),
        "admitted_in_time": _three(np.mean(admitted <= args.deadline)),
        "seconds": _quantiles(admitted),
    } | steady


def _step_s() -> float:
    """Seconds of a step of the pipeline's full batch."""
    reference, batch = ReferencePipelines(MODEL), works(BATCH)
    reference.generate(batch)
    seconds = [_timed(reference.generate, batch)[1] for _ in range(3)]
    return statistics.median(seconds) / batch[0].steps


def _poisson(
    count: int, steps: Sequence[int], rate: float
) -> tuple[list[GenerationRequest], list[float]]:
    rng = random.Random(0)
    requests = [request_of(seed, steps[seed % len(steps)]) for seed in range(count)]
    rng.shuffle(requests)
    return requests, [rng.expovariate(rate) for _ in requests]


def _timed(call: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    return call(*args), time.perf_counter() - began


def _engine_images(runtime: GeneratorRuntime, batch: Sequence[Any]) -> list[Any]:
    return runtime.decode(denoise(Engine(runtime, BATCH), batch))


def _seconds(answers: Sequence[Any]) -> np.ndarray:
    return np.array([answer.seconds for answer in answers if isinstance(answer, Answer)])


def _well_predicted(answers: Sequence[Answer]) -> float:
    """The share of requests whose ETA when queued was within 25% of the actual time."""
    off = [abs((answer.predicted_s or 0) / answer.seconds - 1) for answer in answers]
    return _three(np.mean(np.array(off) <= 0.25))


def _quantiles(seconds: np.ndarray) -> dict[str, float]:
    return {"mean": _three(seconds.mean())} | {
        f"p{percent}": _three(np.quantile(seconds, percent / 100)) for percent in (50, 95, 99)
    }


def _three(value: float) -> float:
    return round(float(value), 3)


def main() -> None:
    what = {each.__name__: each for each in (offline, served, latency, admission)}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=what)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--load", type=float, default=0.7, help="of the pipeline's capacity")
    parser.add_argument("--deadline", type=float, default=10.0, help="seconds, for admission")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps({"bench": args.what} | what[args.what](args)))


if __name__ == "__main__":
    main()
