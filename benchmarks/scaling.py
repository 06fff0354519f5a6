"""`python -m benchmarks.scaling`: replicas by the wait for a slot, against replicas by requests.

    python -m benchmarks.scaling

Two deployments of the generator's engine side by side, alike but for the autoscaling policy: ours
(`serve_app.autoscaling:ByWait`) and Ray Serve's, by the number of requests. Their network is a
pause of 50 ms, as on a GPU whose step costs the same whatever the batch, so that this machine's
cores do not limit them. The same clients load both at once: first many with images of 4 steps, then
few with images of 100. Draws a picture and ends with one JSON line: the waits for a slot, and the
replicas that it took, by phase.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from ray import serve
from ray.serve.handle import DeploymentHandle

from benchmarks.scaling_plot import draw
from serve_app.autoscaling import stats_of
from serve_app.denoise.driver import Driver
from serve_app.denoise.engine import Engine
from serve_app.denoise.trajectory import Work
from serve_app.messages import GenerationRequest, Pixels

STEP_S, SLOTS, TARGET_WAIT_S = 0.05, 8, 2.0
_SCALING = {
    "min_replicas": 1, "max_replicas": 4, "upscale_delay_s": 2, "downscale_delay_s": 10,
    "metrics_interval_s": 1, "look_back_period_s": 3,
}  # fmt: skip
POLICIES: dict[str, dict[str, Any]] = {
    "wait": {
        "policy": {
            "policy_function": "serve_app.autoscaling:ByWait",
            "policy_kwargs": {"target_wait_s": TARGET_WAIT_S},
        }
    },
    "requests": {"target_ongoing_requests": 2 * SLOTS},
}


NOISE_SCHEDULE = {"prediction_type": "epsilon", "timestep_spacing": "leading"}


@dataclass(frozen=True)
class Phase:
    """So many clients ask for images of so many steps, each again when it has its image."""

    name: str
    clients: int
    steps: int


PHASES = (Phase("40 clients, 4 steps", 40, 4), Phase("14 clients, 100 steps", 14, 100))


class PausingModel:
    """A network whose step takes `STEP_S` and predicts nothing."""

    device, dtype = torch.device("cpu"), torch.float32
    noise_schedule: Mapping[str, Any] = NOISE_SCHEDULE

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        return 1, height // 8, width // 8

    def encode_prompts(self, prompts: Any) -> list[torch.Tensor]:
        return [torch.zeros(1, 1, 1) for _ in prompts]

    def encode_image(self, image: Pixels, generator: torch.Generator) -> torch.Tensor:
        return torch.zeros(1, *self.latent_shape(64, 64))

    def embed_edges(self, edges: Any) -> list[torch.Tensor]:
        return [torch.zeros(1, 1, 1, 1) for _ in edges]

    def predict(self, sample: torch.Tensor, *others: Any) -> torch.Tensor:
        time.sleep(STEP_S)
        return torch.zeros_like(sample)


@serve.deployment
class Pausing:
    """The engine behind a handle, without decoding."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._driver = Driver(Engine(PausingModel(), SLOTS))

    def record_autoscaling_stats(self) -> dict[str, float]:
        return stats_of(self._driver.engine)

    async def __call__(self, steps: int) -> float:
        """Seconds that the image waited for a slot."""
        request = GenerationRequest("", "", 1, 64, 64, steps, "ddim", 1.0, 1.0, 1.0)
        row = self._driver.add(Work(request))
        try:
            async for _ in self._driver.follow(row):
                pass
            return (row.started or row.arrived) - row.arrived
        finally:
            self._driver.leave(row)


@dataclass
class Seen:
    """What one policy did: (moment, replicas), and (moment, wait) of each image."""

    replicas: list[tuple[float, int]] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)

    def summary(self, begin: float, end: float, settled_s: float) -> dict[str, float]:
        """Of one phase; the waits once the policy had `settled_s` to follow."""
        waits = [wait for moment, wait in self.waits if begin + settled_s <= moment < end]
        replicas = [count for moment, count in self.replicas if begin + settled_s <= moment < end]
        return {
            "images": len(waits),
            "wait_p50_s": round(float(np.percentile(waits, 50)), 2),
            "wait_p95_s": round(float(np.percentile(waits, 95)), 2),
            "mean_replicas": round(float(np.mean(replicas)), 2),
        }


async def load(handles: dict[str, DeploymentHandle], phase_s: float) -> dict[str, Seen]:
    """Run the phases against every policy at once."""
    seen = {name: Seen() for name in handles}
    began = time.monotonic()

    async def client(name: str, phase: Phase, until: float) -> None:
        while time.monotonic() < until:
            wait = await handles[name].remote(phase.steps)
            seen[name].waits.append((time.monotonic() - began, wait))

    async def watch(until: float) -> None:
        while time.monotonic() < until:
            status = await asyncio.to_thread(serve.status)
            for name in handles:
                (deployment,) = status.applications[name].deployments.values()
                running = deployment.replica_states.get("RUNNING", 0)
                seen[name].replicas.append((time.monotonic() - began, running))
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch(began + phase_s * len(PHASES)))
    for number, phase in enumerate(PHASES, 1):
        until = began + number * phase_s
        await asyncio.gather(
            *(client(name, phase, until) for name in handles for _ in range(phase.clients))
        )
    await watching
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phase", type=float, default=75.0, help="seconds of each phase")
    parser.add_argument("--settled", type=float, default=35.0, help="of which these do not count")
    parser.add_argument("--out", type=Path, default=Path("build/scaling.png"))
    args = parser.parse_args()
    ray.init(address="local", num_cpus=16, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled")
    handles = {
        name: serve.run(
            Pausing.options(
                max_ongoing_requests=500,
                autoscaling_config=_SCALING | policy,
                ray_actor_options={"num_cpus": 0.1},
            ).bind(),
            name=name,
            route_prefix=None,
        )
        for name, policy in POLICIES.items()
    }
    seen = asyncio.run(load(handles, args.phase))
    result = {
        phase.name: {
            name: each.summary(number * args.phase, (number + 1) * args.phase, args.settled)
            for name, each in seen.items()
        }
        for number, phase in enumerate(PHASES)
    }
    draw(seen, [phase.name for phase in PHASES], args.phase, TARGET_WAIT_S, args.out)
    serve.shutdown()
    ray.shutdown()
    print(json.dumps({"bench": "scaling", "target_wait_s": TARGET_WAIT_S} | result))


if __name__ == "__main__":
    main()
