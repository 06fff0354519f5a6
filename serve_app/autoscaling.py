"""How many replicas of the generator there are: by how long an image waits, not by how many there
are, since one may be of 4 steps and another of 400.

A policy of Ray Serve's autoscaler (`autoscaling_config.policy`), which calls it in its controller
with what each replica's `record_autoscaling_stats` told. Serve ships this module to the controller
by value, so it imports nothing of ours.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

_FILLED = 0.8  # a replica is given up where the others would be filled to no more


class Engine(Protocol):
    """What a replica's work is known from (`serve_app/denoise/engine.py`)."""

    @property
    def slots(self) -> int: ...

    def wait_s(self) -> float: ...

    def counts(self) -> tuple[int, int]: ...


def stats_of(engine: Engine) -> dict[str, float]:
    """What a replica tells: seconds until an image that came now would start, by the engine's
    forecast; images being denoised; how many fit."""
    running, _ = engine.counts()
    return {"wait_s": engine.wait_s(), "running": running, "slots": engine.slots}


class ByWait:
    """As few replicas as keep the wait for a slot under a target.

    What waits is replica-seconds of work, so the sum of the replicas' waits divided by the target
    is how many it takes. What runs without waiting asks for no more replicas, but keeps those that
    it needs.
    """

    def __init__(self, target_wait_s: float = 2.0) -> None:
        self._target_wait_s = target_wait_s

    def __call__(self, context: Any) -> tuple[int, dict[str, Any]]:
        """How many replicas are wanted, which Serve bounds and delays as the YAML says; and no
        state. `context` is Serve's AutoscalingContext."""
        told: Mapping[str, Mapping[Any, float]] = context.aggregated_metrics or {}
        waits = told.get("wait_s", {})
        if not waits:  # no replica has told yet
            return context.target_num_replicas, {}
        for_waiting = math.ceil(sum(waits.values()) / self._target_wait_s)
        for_running = math.ceil(
            sum(told["running"].values()) / (_FILLED * max(told["slots"].values()))
        )
        return max(1, for_waiting, min(for_running, context.current_num_replicas)), {}
