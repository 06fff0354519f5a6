"""How a stage's replica starts: its priority, its share of a GPU, its model loaded and warm."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import ray

from serve_app.observability import logged_step


class Runtime(Protocol):
    """What `serve_app/runtimes/` gives: a loaded model on a device, in a dtype."""

    device: Any
    dtype: Any


R = TypeVar("R", bound=Runtime)
S = TypeVar("S")


def load_runtime(
    stage: str,
    runtime: Callable[[], Callable[[S, float], R]],
    settings: S,
    /,
    **logged: object,
) -> R:
    """The stage's runtime, loaded on this replica's share of a GPU.

    `runtime` imports its class: only the stages with models import torch, and log how long it took.
    """
    lower_priority()
    with logged_step("import", stage=stage, why="only the model stages import torch"):
        load = runtime()
    with logged_step("load", stage=stage, **logged):
        return load(settings, gpu_share())


@contextmanager
def warming_up(
    stage: str,
    runtime: Runtime,
    why: str = "the first call allocates, and no client should pay for that",
) -> Iterator[None]:
    """Log the first calls of a runtime, and where they run."""
    with logged_step("warm-up", stage=stage, why=why, device=runtime.device, dtype=runtime.dtype):
        yield


def lower_priority() -> None:
    """Lower the priority of a stage's threads below those of the proxy and the ingress.

    On a machine whose cores are all busy with models, requests are still read, and refused, at
    once. Ray runs every worker at niceness 15, which leaves little room below; with
    `RAY_worker_niceness=0` (`serve_app/ray_settings.py`) there is enough.
    """
    os.nice(15)


def gpu_share() -> float:
    """The fraction of a GPU that Ray gave this replica (`num_gpus` in the YAML), 0 without one."""
    return float(ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0))
