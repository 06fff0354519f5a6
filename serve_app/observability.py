"""Logs a person can follow, and the metrics of the Ray dashboard.

Lines go to Serve's own logger, which adds the time, the deployment, the replica and the request id
and shows up in the dashboard. A line is an event and `key=value` fields; where Serve writes JSON
(`logging_config.encoding`), each of these is a key of its own too. Neither image data nor prompts
get in.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from ray.util.metrics import Counter, Gauge, Histogram

from serve_app.messages import StageReport
from serve_app.tracing import trace_id

_logger = logging.getLogger("ray.serve")
_STEP_SECONDS = [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2]
_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]


def log_event(event: str, level: int = logging.INFO, /, **fields: object) -> None:
    """Log one line: `event key=value …`; fields that are None are left out. They may not have names
    of `logging.LogRecord`'s own attributes, nor those that Serve gives a line.

    At level ERROR the traceback of the exception that is being handled follows. In a traced
    request, the trace's id is the last field.
    """
    if not _logger.isEnabledFor(level):
        return
    given = {key: value for key, value in fields.items() if value is not None}
    words = [f"{key}={_word(value)}" for key, value in given.items()]
    if traced := trace_id():
        words.append(f"trace_id={traced}")
    keys = {"event": event} | {key: _json_value(value) for key, value in given.items()}
    error = level >= logging.ERROR
    _logger.log(level, " ".join([event, *words]), exc_info=error, extra=keys)


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


def publish_step(rows: int, seconds: float, running: int, waiting: int) -> None:
    """Add a denoising step to the metrics: its time by batch size, and who is there."""
    times, occupancy, queue = _step_metrics()
    times.observe(seconds, tags={"batch_size": str(rows)})
    occupancy.set(running)
    queue.set(waiting)


def publish_request(route: str, status: int) -> None:
    """Count an answered request."""
    _request_counter().inc(tags={"route": route, "status": str(status)})


def count_rerun(stage: str) -> None:
    """Count a call that is run again, as its replica died."""
    log_event("run again", stage=stage)
    _rerun_counter().inc(tags={"stage": stage})


def log_overflow(stage: str, items: int, limit: int, kind: object) -> None:
    """Log and count a batch that ran out of memory, and the limit of its kind from now on."""
    work_counters().out_of_memory.inc(tags={"stage": stage})
    fields = {"stage": stage, "batch_size": items, "batch_size_now": limit, "kind": kind}
    log_event("out of memory", logging.WARNING, **fields)


def _json_value(value: object) -> object:
    return value if isinstance(value, str | int | float) else str(value)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    plain = text.isprintable() and not any(char in ' ="' for char in text)
    return text if plain else json.dumps(text)  # a hostile path cannot forge a line


@cache
def _stage_metrics() -> tuple[Histogram, Histogram]:
    return (
        Histogram("image_stage_seconds", "Run time of a call to a stage.", _SECONDS, ("stage",)),
        Histogram(
            "image_stage_batch_size",
            "Size of the batch that a call ran in.",
            [1, 2, 4, 8, 16, 32],
            ("stage",),
        ),
    )


@cache
def _rerun_counter() -> Counter:
    return Counter("image_reruns", "Calls run again, as their replica died.", ("stage",))


@cache
def _step_metrics() -> tuple[Histogram, Gauge, Gauge]:
    return (
        Histogram(
            "image_step_seconds", "Time of a denoising step.", _STEP_SECONDS, ("batch_size",)
        ),
        Gauge("image_rows_running", "Images that are being denoised."),
        Gauge("image_rows_waiting", "Images that wait for a slot in the batch."),
    )


@dataclass(frozen=True)
class WorkCounters:
    """What became of the images that the generator was asked for."""

    admitted: Counter
    rejected: Counter
    cancelled: Counter
    steps_saved: Counter
    previews: Counter
    out_of_memory: Counter


@cache
def work_counters() -> WorkCounters:
    return WorkCounters(
        admitted=Counter("image_rows_admitted", "Images queued for denoising."),
        rejected=Counter("image_rows_rejected", "Images refused, as they would be late."),
        cancelled=Counter("image_rows_cancelled", "Images cancelled before the end."),
        steps_saved=Counter("image_steps_saved", "Steps saved by cancelling."),
        previews=Counter("image_previews_sent", "Previews sent while images were made."),
        out_of_memory=Counter(
            "image_out_of_memory", "Batches made smaller for lack of memory.", ("stage",)
        ),
    )


@cache
def _request_counter() -> Counter:
    return Counter("image_requests", "Answered HTTP requests.", ("route", "status"))
