"""What Triton's statistics extension counts, from the reports of the stages.

Of this ingress replica, since its start. An *item* is one inference: an image of a batch counts for
itself. Who ran in a batch of `n` counts as 1/n of an execution, because others in it may have come
by other routes; so executions are exact where all of a batch came through one model of this one.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from serve_app.messages import StageReport
from serve_app.timings import Timings


@dataclass
class _Batches:
    """Of one size; times are in seconds."""

    executions: float = 0.0
    input_s: float = 0.0
    infer_s: float = 0.0
    output_s: float = 0.0


@dataclass
class ModelStatistics:
    """Of one model; times are in seconds."""

    successes: int = 0
    success_s: float = 0.0
    failures: int = 0
    failure_s: float = 0.0
    queue_s: float = 0.0
    input_s: float = 0.0
    infer_s: float = 0.0
    output_s: float = 0.0
    items: int = 0
    last_s: float = 0.0  # Unix seconds
    _batches: dict[int, _Batches] = field(default_factory=lambda: defaultdict(_Batches))

    def succeed(
        self, total_s: float, input_s: float, output_s: float, reports: Sequence[StageReport]
    ) -> None:
        """Count a request: reading it, writing its answer, and what its stages did in between.

        Its items are counted at the last stage, whose batches are those of `batch_stats`.
        """
        self.last_s = time.time()
        self.successes += 1
        self.success_s += total_s
        self.input_s += input_s
        self.output_s += output_s
        stages = dict(Timings.of(reports).seconds)
        self.queue_s += stages.pop("queue")
        self.infer_s += sum(stages.values())
        last = [report for report in reports if report.stage == reports[-1].stage]
        self.items += len(last)
        for report in last:
            batches = self._batches[report.batch_size]
            batches.executions += 1 / report.batch_size
            batches.infer_s += report.run_s / report.batch_size
            batches.input_s += input_s / len(last)
            batches.output_s += output_s / len(last)

    def fail(self, total_s: float) -> None:
        """Count a request that was understood, and failed, was refused or given up."""
        self.failures += 1
        self.failure_s += total_s

    def described(self, name: str, version: str) -> dict[str, Any]:
        """An element of the protocol's `model_stats`."""
        return {
            "name": name,
            "version": version,
            "last_inference": int(self.last_s * 1000),
            "inference_count": self.items,
            "execution_count": round(sum(each.executions for each in self._batches.values())),
            "inference_stats": {
                "success": _duration(self.successes, self.success_s),
                "fail": _duration(self.failures, self.failure_s),
                "queue": _duration(self.successes, self.queue_s),
                "compute_input": _duration(self.successes, self.input_s),
                "compute_infer": _duration(self.successes, self.infer_s),
                "compute_output": _duration(self.successes, self.output_s),
                "cache_hit": _duration(0, 0.0),
                "cache_miss": _duration(0, 0.0),
            },
            "batch_stats": [_of_size(size, each) for size, each in sorted(self._batches.items())],
        }


def _of_size(size: int, batches: _Batches) -> dict[str, Any]:
    count = round(batches.executions)
    return {
        "batch_size": size,
        "compute_input": _duration(count, batches.input_s),
        "compute_infer": _duration(count, batches.infer_s),
        "compute_output": _duration(count, batches.output_s),
    }


def _duration(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": round(seconds * 1e9)}
