"""The gauges of a stage's replica: its memory, its queue, and what runs in it."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from serve_app import __version__
from serve_app.deployments.starting import Runtime
from serve_app.device.memory import device_usage
from serve_app.metrics.readings import Reading, Readings
from serve_app.metrics.stages import (
    DEVICE_MEMORY,
    MODEL_INFO,
    SLOTS,
    SLOTS_RUNNING,
    WORK_SECONDS,
    QueueDepth,
    publish_process_memory,
)
from serve_app.model_config import Source

if TYPE_CHECKING:
    from serve_app.denoise.engine import Engine


def keep_gauges(stage: str, *readings: Reading) -> None:
    """Set the replica's gauges every second from now on: these, and those of its memory."""
    memory = (partial(publish_process_memory, stage), partial(publish_device_memory, stage))
    Readings([*memory, *readings]).keep_taking()


def publish_device_memory(stage: str) -> None:
    """Set the replica's GPU memory; nothing without a GPU."""
    for kind, size in device_usage().items():
        DEVICE_MEMORY.set(size, stage=stage, kind=kind)


def model_info(
    stage: str, runtime: Runtime, sources: Iterable[Source], backend: str = "eager"
) -> Reading:
    """Says what runs here: a series for each model, by its hub id or its folder's name."""
    labels = {
        "stage": stage,
        "backend": backend,
        "device": str(runtime.device),
        "dtype": str(runtime.dtype).removeprefix("torch."),
        "version": __version__,
    }
    names = [_name(source.path) for source in sources]

    def publish() -> None:
        for name in names:
            MODEL_INFO.set(1, model=name, **labels)

    return publish


def engine_load(engine: "Engine", decode_s: Callable[[], float]) -> Reading:
    """How busy the engine is; `decode_s` is what a picture takes after its last step."""
    depth = QueueDepth("generate")

    def publish() -> None:
        running, _ = engine.counts()
        SLOTS_RUNNING.set(running)
        SLOTS.set(engine.slots)
        work_s = engine.work_s()
        WORK_SECONDS.set(work_s + decode_s() if work_s else 0.0)
        depth.publish(engine.waiting())

    return publish


def _name(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path
