"""Summarises a run: throughput, latencies, errors, CPU time, and where the time went."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from loadtest.arrivals import Arrivals
from loadtest.client import HUNG_UP, LATE, OK, REFUSED, Answer

_HTTP = "http"  # reading, parsing, sending and all else that no stage accounts for


def summarise(
    route: str,
    arrivals: Arrivals,
    answers: Sequence[Answer],
    seconds: float,
    cpu_s: dict[str, float] | None = None,
    batch_sizes: dict[str, float] | None = None,
) -> dict[str, Any]:
    """A run as JSON: times in milliseconds where a name ends in `_ms`, in seconds in `_s`.

    Throughput and latency count successes only. Hung-up clients and missed deadlines are counted
    separately from errors.
    """
    outcomes = Counter(answer.outcome for answer in answers)
    good = [answer for answer in answers if answer.outcome == OK]
    lost = [answer for answer in answers if answer.outcome != OK]
    return {
        "route": route,
        "arrivals": arrivals.kind,
        **arrivals.settings,
        "requests": len(arrivals.moments),
        "seconds": round(seconds, 3),
        "ok": len(good),
        "throughput_per_s": round(len(good) / seconds, 3),
        "latency_ms": quantiles([1000 * answer.seconds for answer in good]),
        "cpu_s_per_request": _per(len(good), cpu_s),
        "batch_sizes": batch_sizes and {k: round(size, 2) for k, size in batch_sizes.items()},
        "hung_up": outcomes.pop(HUNG_UP, 0),
        "deadline_refused": outcomes.pop(REFUSED, 0),
        "deadline_passed": outcomes.pop(LATE, 0),
        "errors": {kind: n for kind, n in sorted(outcomes.items()) if kind != OK},
        "not_sent": len(arrivals.moments) - len(answers),
        "lost_latency_ms": _latencies([(answer.outcome, answer) for answer in lost]),
        "by_route": _latencies([(answer.route, answer) for answer in good]),
        "retry_after_s": sorted({int(a.retry_after) for a in answers if a.retry_after}),
        "time": where_time_went(good),
        "latencies_ms": [round(1000 * answer.seconds, 1) for answer in good],
    }


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """p50, p95, p99 and the largest, in the values' unit; None of no values."""
    if not len(values):
        return None
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(float(np.quantile(values, share)), 1) for name, share in shares.items()}


def _latencies(answers: Sequence[tuple[str, Answer]]) -> dict[str, Any]:
    """Quantiles by name, in milliseconds."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for name, answer in answers:
        by_name[name].append(1000 * answer.seconds)
    return {name: {"count": len(ms)} | (quantiles(ms) or {}) for name, ms in by_name.items()}


def where_time_went(answers: Sequence[Answer]) -> dict[str, dict[str, float]]:
    """By stage: the median in milliseconds, and the share of all latency.

    A stage counts 0 where an answer did not pass through it.
    """
    spent: dict[str, list[float]] = defaultdict(list)
    stages = dict.fromkeys(stage for answer in answers for stage in answer.stages_ms)
    for answer in answers:
        for stage in stages:
            spent[stage].append(answer.stages_ms.get(stage, 0.0))
        inside = sum(answer.stages_ms.values())
        spent[_HTTP].append(max(0.0, 1000 * answer.seconds - inside))
    whole = sum(map(sum, spent.values()))
    return {
        stage: {"p50_ms": round(float(np.median(ms)), 1), "share": round(sum(ms) / whole, 3)}
        for stage, ms in spent.items()
    }


def without_samples(run: dict[str, Any]) -> dict[str, Any]:
    """A run for the summary line."""
    return {name: value for name, value in run.items() if name != "latencies_ms"}


def table(runs: Sequence[dict[str, Any]]) -> str:
    """The runs, a line each."""
    heads = ("route", "arrivals", "ok", "other", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms",
             "CPU ms", "batch")  # fmt: skip
    lines = [heads]
    for run in runs:
        cpu, latency = run["cpu_s_per_request"], run["latency_ms"] or {}
        sizes = run["batch_sizes"] or {}  # latents are decoded beside the steps
        lines.append((
            run["route"],
            described(run),
            str(run["ok"]),
            str(run["requests"] - run["ok"]),
            f"{run['throughput_per_s']:.2f}",
            *(f"{latency[name]:.0f}" if latency else "-" for name in ("p50", "p95", "p99", "max")),
            f"{1000 * cpu['all']:.0f}" if cpu else "-",
            ", ".join(f"{k} {size:.1f}" for k, size in sizes.items() if k != "decode") or "-",
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            word.ljust(width) if i < 2 else word.rjust(width)
            for i, (word, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def described(run: dict[str, Any]) -> str:
    """A short label for a run's arrivals."""
    if run["arrivals"] == "closed":
        return f"concurrency {run['concurrency']}"
    if run["arrivals"] == "poisson":
        return f"{run['rate']:g}/s"
    return f"{run['waves']} waves"


def losses(run: dict[str, Any]) -> str:
    """What did not succeed in a run, in a line."""
    counts = {
        HUNG_UP: run["hung_up"],
        REFUSED: run["deadline_refused"],
        LATE: run["deadline_passed"],
        "not sent": run["not_sent"],
    }
    counts |= run["errors"]
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
    return f"{run['route']}, {described(run)}: {told}"


def _per(count: int, seconds: dict[str, float] | None) -> dict[str, float] | None:
    if not count or seconds is None:
        return None
    return {kind: round(value / count, 4) for kind, value in seconds.items() if value}
