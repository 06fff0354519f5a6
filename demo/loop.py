"""The training loop of every demo model: a time budget, checkpoints, averaged weights, a bar."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from demo.muon import Muon

_CHECKPOINT_SECONDS = 120
_WARMUP = 0.01


def train(
    name: str,
    modules: dict[str, nn.Module],
    loss_of: Callable[[np.random.Generator], dict[str, torch.Tensor]],
    *,
    minutes: float,
    checkpoints: Path,
    export: Callable[[dict[str, nn.Module]], None],
    lr: float,
    ema_decay: float = 0.99,
) -> dict[str, nn.Module]:
    """Train for a time, going on from the checkpoint if there is one; returns averaged modules.

    loss_of gives named losses for a batch drawn with the generator it gets; their sum is minimised.
    The generator is seeded by the step, so a resumed run goes on with new data. The rate warms up,
    then falls as a cosine of the time spent. export gets the averaged modules at each checkpoint.
    """
    path = checkpoints / f"{name}.pt"
    averaged = {
        key: deepcopy(module).eval().requires_grad_(False) for key, module in modules.items()
    }
    optimizer = Muon(modules.values(), lr=lr)
    step, spent = 0, 0.0
    if path.exists():
        saved = torch.load(path, map_location=_device(modules))
        for key, module in modules.items():
            module.load_state_dict(saved["modules"][key])
            averaged[key].load_state_dict(saved["averaged"][key])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["spent"]

    def checkpoint() -> None:
        state = {
            "modules": {key: module.state_dict() for key, module in modules.items()},
            "averaged": {key: module.state_dict() for key, module in averaged.items()},
            "optimizer": optimizer.state_dict(),
            "step": step,
            "spent": spent,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)
        export(averaged)

    # A process that was paused, or that shares its core, must not lose its budget.
    clock = time.thread_time if _device(modules).type == "cpu" else time.monotonic
    budget, last_saved = minutes * 60, spent
    bar = tqdm(total=round(budget), initial=round(spent), desc=name, unit="s", mininterval=10)
    while spent < budget:
        started = clock()
        torch.manual_seed(step)
        losses = loss_of(np.random.default_rng([0, step]))
        optimizer.zero_grad()
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_([p for m in modules.values() for p in m.parameters()], 1.0)
        for group in optimizer.param_groups:
            group["lr"] = lr * _rate(spent / budget)
        optimizer.step()
        _average(averaged, modules, min(ema_decay, step / (step + 10)))
        step += 1
        spent += clock() - started
        bar.update(round(spent) - bar.n)
        bar.set_postfix(
            {"step": step} | {key: f"{value.item():.4f}" for key, value in losses.items()}
        )
        if spent - last_saved > _CHECKPOINT_SECONDS:
            last_saved = spent
            checkpoint()
    checkpoint()
    bar.close()
    return averaged


def _rate(progress: float) -> float:
    return min(progress / _WARMUP, 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))) + 1e-3


@torch.no_grad()
def _average(averaged: dict[str, nn.Module], modules: dict[str, nn.Module], decay: float) -> None:
    for key, module in modules.items():
        for mean, value in zip(averaged[key].parameters(), module.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)


def _device(modules: dict[str, nn.Module]) -> torch.device:
    return next(
        parameter.device for module in modules.values() for parameter in module.parameters()
    )
