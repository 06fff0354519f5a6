"""Where a request's time went, as a header, a response's field and a log line show it."""

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.messages import StageReport


@dataclass(frozen=True)
class Timings:
    """Seconds by stage, in request order; under `queue` what was spent waiting for batches."""

    seconds: dict[str, float]

    @classmethod
    def of(cls, reports: Sequence[StageReport], **more: float) -> "Timings":
        """Of one request, whose images run concurrently: a stage counts as its slowest image."""
        queues: dict[str, float] = {}
        stages: dict[str, float] = {}
        for report in reports:
            queues[report.stage] = max(queues.get(report.stage, 0.0), report.queue_s)
            stages[report.stage] = max(stages.get(report.stage, 0.0), report.run_s)
        return cls({"queue": sum(queues.values())} | stages | more)

    @property
    def field(self) -> dict[str, float]:
        """A response's `timings`: seconds, to a tenth of a millisecond."""
        return {stage: round(value, 4) for stage, value in self.seconds.items()}

    @property
    def header(self) -> dict[str, str]:
        """The header `Server-Timing` (W3C Server Timing), in milliseconds."""
        return {"Server-Timing": str(self)}

    def __str__(self) -> str:
        return ", ".join(f"{stage};dur={s * 1000:.1f}" for stage, s in self.seconds.items())
