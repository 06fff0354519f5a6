"""Logs a person can follow, and the metrics of the Ray dashboard.

Lines go to Serve's own logger, which adds the time, the deployment, the replica and the request id
and shows up in the dashboard. A line is an event and `key=value` fields. Neither image data nor
prompts get in.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from ray.util.metrics import Counter, Histogram

from serve_app.messages import StageReport

_logger = logging.getLogger("ray.serve")
_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]


def log_event(event: str, level: int = logging.INFO, /, **fields: object) -> None:
    """Log one line: `event key=value …`; fields that are None are left out.

    At level ERROR the traceback of the exception that is being handled follows.
    """
    words = [f"{key}={_word(value)}" for key, value in fields.items() if value is not None]
    _logger.log(level, " ".join([event, *words]), exc_info=level >= logging.ERROR)


@contextmanager
def logged_step(event: str, stage: str, **fields: object) -> Iterator[None]:
    """Log that a step of a stage's set-up begins, with what and why, and how long it took."""
    log_event(f"{event} begins", stage=stage, **fields)
    started = time.perf_counter()
    yield
    log_event(f"{event} done", stage=stage, seconds=time.perf_counter() - started)


def publish_stage(report: StageReport) -> None:
    """Add what a stage reported to the metrics."""
    stages, batches = _stage_metrics()
    stages.observe(report.run_s, tags={"stage": report.stage})
    batches.observe(report.batch_size, tags={"stage": report.stage})


def publish_request(route: str, status: int) -> None:
    """Count an answered request."""
    _request_counter().inc(tags={"route": route, "status": str(status)})


def stage_seconds(reports: list[StageReport]) -> dict[str, float]:
    """Seconds by stage, and under `queue` what was spent waiting for a batch, in request order.

    Images of one request run side by side, so a stage counts as long as its slowest one.
    """
    queues: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for report in reports:
        queues[report.stage] = max(queues.get(report.stage, 0.0), report.queue_s)
        seconds[report.stage] = max(seconds.get(report.stage, 0.0), report.run_s)
    return {"queue": sum(queues.values())} | seconds


def server_timing(seconds: dict[str, float]) -> str:
    """The value of a `Server-Timing` header, in milliseconds (W3C Server Timing)."""
    return ", ".join(f"{stage};dur={value * 1000:.1f}" for stage, value in seconds.items())


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    plain = text.isprintable() and not any(char in ' ="' for char in text)
    return text if plain else json.dumps(text)  # a hostile path cannot forge a line


@cache
def _stage_metrics() -> tuple[Histogram, Histogram]:
    return (
        Histogram(
            "image_stage_seconds", "Time that a stage computed for a batch.", _SECONDS, ("stage",)
        ),
        Histogram("image_stage_batch_size", "Items in a batch.", [1, 2, 4, 8, 16, 32], ("stage",)),
    )


@cache
def _request_counter() -> Counter:
    return Counter("image_requests", "Answered HTTP requests.", ("route", "status"))
