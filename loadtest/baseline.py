"""The baseline: the same models called directly, in the same run as the service.

The models are in a process of their own (`benchmarks.direct`), which waits while requests are sent.
The machine's speed drifts, so each round of requests has a measurement before it and one after,
and its ratios are to the mean of the two.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from statistics import mean, median
from typing import Any, Self

MEASURED = ("captions", "generation")
SIDES = ("library", "runtime")
_WHOLE = "8"


class Baseline:
    """The process with the models, started when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.communicate()

    def measure(self, route: str) -> dict[str, Any]:
        """By side and batch size: seconds `s` and CPU seconds `cpu_s` per item."""
        self._process = self._process or subprocess.Popen(
            [sys.executable, "-m", "benchmarks.direct"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"},
        )
        assert self._process.stdin and self._process.stdout
        print(route, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the models of {route} cannot be called directly; see above")
        return json.loads(line)


def ratios(
    before: dict[str, Any], after: dict[str, Any], runs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """For each side, by concurrency: throughput and CPU time relative to direct calls in batches of
    8; and how many milliseconds longer a lone request takes than a direct call.
    """
    result: dict[str, Any] = {}
    for side in SIDES:
        alone_s, whole_s, whole_cpu_s = (
            mean(measured[side][size][what] for measured in (before, after))
            for size, what in (("1", "s"), (_WHOLE, "s"), (_WHOLE, "cpu_s"))
        )
        shares: dict[str, Any] = {"throughput": {}, "cpu": {}}
        for run in runs:
            clients = f"{run['concurrency']:g}"
            shares["throughput"][clients] = run["throughput_per_s"] * whole_s
            if run["cpu_s_per_request"]:
                shares["cpu"][clients] = run["cpu_s_per_request"]["all"] / whole_cpu_s
            if run["concurrency"] == 1 and run["latency_ms"]:
                shares["alone_ms_more"] = run["latency_ms"]["p50"] - 1000 * alone_s
        result[side] = shares
    return result


def medians(rounds: Sequence[Any]) -> Any:
    """The median of numbers, or element-wise of dictionaries of the same shape, to three
    significant digits."""
    if not isinstance(rounds[0], dict):
        return float(f"{median(rounds):.3g}")
    return {key: medians([each[key] for each in rounds if key in each]) for key in rounds[0]}


def described(route: str, baseline: dict[str, Any], shares: dict[str, Any]) -> str:
    """A route's baseline and ratios as text, a line each."""
    lines = []
    for side in SIDES:
        one, whole = baseline[side]["1"], baseline[side][_WHOLE]
        lines.append(
            f"{route}, {side} called directly: {1000 * one['s']:.0f} ms alone, "
            f"{1000 * whole['s']:.0f} ms each in batches of 8 ({1 / whole['s']:.2f} per s, "
            f"CPU {1000 * whole['cpu_s']:.0f} ms)"
        )
        lines += [
            f"  concurrency {clients}: throughput {share:.2f} of it"
            + (f", CPU {shares[side]['cpu'][clients]:.2f}" if shares[side]["cpu"] else "")
            for clients, share in shares[side]["throughput"].items()
        ]
        if "alone_ms_more" in shares[side]:
            lines.append(f"  alone: {shares[side]['alone_ms_more']:+.0f} ms at p50")
    return "\n".join(lines)
