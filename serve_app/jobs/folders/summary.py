"""What a run came to: counts, the rate, the quantiles of the time that a row took."""

import math
import time
from collections.abc import Sequence
from typing import Any

from serve_app.jobs.folders.running import Outcome


def summary(outcome: Outcome) -> dict[str, Any]:
    """`found` were finished before this start; seconds are those of what this start made.

    The rate is that of the time in which rows were in progress: without that in which Ray started
    and models were loaded.
    """
    seconds = sorted(record["total_s"] for record in outcome.made)
    made, busy_s = len(outcome.made), _busy_s(outcome)
    return {
        "finished": made + len(outcome.found),
        "made": made,
        "found": len(outcome.found),
        "failed": len(outcome.failures),
        "interrupted": outcome.interrupted,
        "ended_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(outcome.seconds, 3),
        "busy_s": round(busy_s, 3),
        "images_per_second": round(made / busy_s, 3) if busy_s else 0.0,
        "p50_s": _quantile(seconds, 0.5),
        "p95_s": _quantile(seconds, 0.95),
    }


def in_words(told: dict[str, Any], where: str) -> str:
    """One line, for the terminal."""
    parts = [f"{told['made']} made in {told['seconds']:.1f} s"]
    if told["made"]:
        parts.append(
            f"{told['images_per_second']:.2f} a second, "
            f"p50 {told['p50_s']:.2f} s, p95 {told['p95_s']:.2f} s"
        )
    if told["found"]:
        parts.append(f"{told['found']} were there")
    if told["failed"]:
        parts.append(f"{told['failed']} failed (failures.csv)")
    if told["interrupted"]:
        parts.append("interrupted: the same command goes on from here")
    return f"{where}: {'; '.join(parts)}"


def _busy_s(outcome: Outcome) -> float:
    if not outcome.made:
        return 0.0
    began = min(record["finished_at"] - record["total_s"] for record in outcome.made)
    return float(max(record["finished_at"] for record in outcome.made) - began)


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that this share does not exceed (nearest rank)."""
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 4)
