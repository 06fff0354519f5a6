"""The first steps of a replica: they allocate, and teach the forecast how long steps take.

Bounded by time and not by their number: with large weights on a CPU a single one takes half a
minute.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from serve_app.config import Defaults
from serve_app.denoise.engine import Engine
from serve_app.denoise.forecast import Forecast
from serve_app.denoise.offline import denoise, request_of
from serve_app.denoise.trajectory import DenoisingModel, Work

BUDGET_S = 20.0
_TOGETHER = 4


@dataclass(frozen=True)
class WarmUp:
    """What came of it; `left_out` names the kinds of work that there was no time for."""

    forecast: Forecast
    decode_s: float
    left_out: Sequence[str]


def warm_up(
    model: DenoisingModel,
    decode: Callable[[Sequence[torch.Tensor]], object],
    defaults: Defaults,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> WarmUp:
    """Run each kind of work at the default size, as far as `budget_s` seconds are likely to do.

    One guided step of one image with edges is run in any case, and its latents are decoded. The
    forecast learns from the timing runs; without time for them, from the first runs.
    """
    began = clock()
    first, later = Forecast(clock), Forecast(clock)
    allocating, timing = (Engine(model, _TOGETHER, clock, forecast=f) for f in (first, later))
    conditioned, plain, started = _works(defaults, steps=1, guidance_end=1.0)
    (latents,) = denoise(allocating, [conditioned])
    row_step_s = clock() - began
    decode_s = _seconds(clock, lambda: decode([latents]))
    timed_edges, timed_plain, _ = _works(defaults, steps=3, guidance_end=defaults.guidance_end)
    left_out = []
    for name, engine, works in (
        ("text to image", allocating, [plain]),
        ("image to image", allocating, [started]),
        (f"{_TOGETHER} images together", allocating, [conditioned] * _TOGETHER),
        ("timing of edges", timing, [timed_edges]),
        ("timing of text to image", timing, [timed_plain]),
        (f"timing of {_TOGETHER} images together", timing, [timed_edges] * _TOGETHER),
    ):
        row_steps = sum(work.steps for work in works)
        if clock() - began + row_steps * row_step_s > budget_s:
            left_out.append(name)
            continue
        seconds = _seconds(clock, partial(denoise, engine, works))
        row_step_s = min(row_step_s, seconds / row_steps)
    if clock() - began + decode_s <= budget_s:
        decode_s = _seconds(clock, lambda: decode([latents]))
    return WarmUp(later if later.taught else first, decode_s, left_out)


def _works(defaults: Defaults, steps: int, guidance_end: float) -> tuple[Work, Work, Work]:
    """Guided, at the default size: with edges, from text alone, from a picture."""
    request = replace(
        request_of(defaults, "", 0, conditioned=True),
        num_inference_steps=steps,
        guidance_scale=2.0,
        controlnet_conditioning_scale=1.0,
        strength=1.0,
        guidance_end=guidance_end,
    )
    blank = np.zeros((defaults.height, defaults.width, 3), np.uint8)
    from_picture = Work(replace(request, image=b""), image=blank)
    return Work(request, blank[..., 0]), Work(request), from_picture


def _seconds(clock: Callable[[], float], run: Callable[[], object]) -> float:
    began = clock()
    run()
    return clock() - began
