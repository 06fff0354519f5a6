"""What the replicas of the stages publish: items, batches, denoising steps, and what they hold."""

import logging
from collections.abc import Mapping

from serve_app.messages import StageReport
from serve_app.metrics.instruments import (
    SECONDS,
    STEP_SECONDS,
    WHOLE_NUMBERS,
    Counter,
    Gauge,
    Histogram,
)
from serve_app.metrics.readings import resident_bytes
from serve_app.observability import log_event

QUEUE_SECONDS = Histogram(
    "image_queue_seconds",
    "Wait of an item for its batch, or of an image for its first step.",
    ("stage", "priority"),
    bounds=SECONDS,
)
QUEUE_DEPTH = Gauge("image_queue_depth", "Items that wait now.", ("stage", "priority"))
STAGE_SECONDS = Histogram(
    "image_stage_seconds",
    "Time of an item in a stage from the end of its wait.",
    ("stage",),
    bounds=SECONDS,
)
BATCH_SECONDS = Histogram("image_batch_seconds", "Run time of a batch.", ("stage",), bounds=SECONDS)
BATCH_SIZE = Histogram("image_batch_size", "Items of a batch.", ("stage",), bounds=WHOLE_NUMBERS)

STEP_TIME = Histogram("image_step_seconds", "Time of a denoising step.", bounds=STEP_SECONDS)
STEP_LANES = Histogram(
    "image_step_lanes",
    "Lanes of a denoising step: two for a guided image, one for another.",
    bounds=WHOLE_NUMBERS,
)
SLOTS_RUNNING = Gauge("image_slots_running", "Images that are being denoised.")
SLOTS = Gauge("image_slots", "Images of one size that a step takes.")
WORK_SECONDS = Gauge("image_work_seconds", "Forecast of when all images here will be finished.")
ETA_ERROR = Histogram(
    "image_eta_error_seconds",
    "How far the first forecast of an image's finish was off.",
    ("direction",),
    bounds=SECONDS,
)

ROWS_ADMITTED = Counter("image_rows_admitted", "Images queued for denoising.")
ROWS_REJECTED = Counter("image_rows_rejected", "Images refused, as they would be late.")
ROWS_CANCELLED = Counter("image_rows_cancelled", "Images cancelled before their last step.")
STEPS_SAVED = Counter("image_steps_saved", "Steps saved by cancelling.")
PREVIEWS_SENT = Counter("image_previews_sent", "Previews sent while images were made.")
OUT_OF_MEMORY = Counter(
    "image_out_of_memory", "Batches made smaller for lack of memory.", ("stage",)
)

DEVICE_MEMORY = Gauge("image_memory_bytes", "GPU memory of a replica.", ("stage", "kind"))
PROCESS_MEMORY = Gauge("image_process_memory_bytes", "Host memory of a replica.", ("stage",))
MODEL_INFO = Gauge(
    "image_model_info",
    "1; the labels say what runs.",
    ("stage", "model", "backend", "device", "dtype", "version"),
)


def publish_item(report: StageReport) -> None:
    """Add an item that a stage is done with."""
    publish_wait(report.stage, report.queue_s)
    STAGE_SECONDS.observe(report.run_s, stage=report.stage)


def publish_wait(stage: str, seconds: float, priority: int = 0) -> None:
    """Add the wait of an item that has ended."""
    QUEUE_SECONDS.observe(seconds, stage=stage, priority=str(priority))


def publish_batch(stage: str, size: int, seconds: float) -> None:
    """Add a batch that ran, once for all its items."""
    BATCH_SECONDS.observe(seconds, stage=stage)
    BATCH_SIZE.observe(size, stage=stage)


def publish_step(lanes: int, seconds: float) -> None:
    """Add a denoising step."""
    STEP_TIME.observe(seconds)
    STEP_LANES.observe(lanes)


def publish_eta_error(told_s: float, took_s: float) -> None:
    """Add an image that was forecast to be finished in `told_s` and took `took_s`, in seconds."""
    ETA_ERROR.observe(abs(took_s - told_s), direction="late" if took_s > told_s else "early")


def publish_process_memory(stage: str) -> None:
    """Set the host memory of this process; nothing where Linux is not."""
    size = resident_bytes()
    if size is not None:
        PROCESS_MEMORY.set(size, stage=stage)


def log_overflow(stage: str, items: int, limit: int, kind: object) -> None:
    """Log and count a batch that ran out of memory, and the limit of its kind from now on."""
    OUT_OF_MEMORY.add(stage=stage)
    fields = {"stage": stage, "batch_size": items, "batch_size_now": limit, "kind": kind}
    log_event("out of memory", logging.WARNING, **fields)


class QueueDepth:
    """The gauge of one stage's queue: where nobody of a priority waits any more, it is set to 0."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._priorities = {0}

    def publish(self, waiting: Mapping[int, int]) -> None:
        """`waiting` is how many items wait, by priority."""
        self._priorities |= set(waiting)
        for priority in self._priorities:
            QUEUE_DEPTH.set(waiting.get(priority, 0), stage=self._stage, priority=str(priority))
