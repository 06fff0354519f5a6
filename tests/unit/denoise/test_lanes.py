"""Guidance, row by row."""

import numpy as np
import torch

from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from tests.denoising import TinyModel, run, work

EDGES = np.zeros((16, 16), np.uint8)


def test_no_guidance_takes_no_unconditional_lane_and_no_edges_no_control():
    model = TinyModel()
    engine = Engine(model, 8)
    engine.add(work("plain", 1))
    engine.add(work("guided", 1, guidance_scale=2.0))
    engine.add(work("conditioned", 1, guidance_scale=2.0, edges=EDGES))
    engine.step()
    assert model.batches == [["not", "conditioned", "plain", "not", "guided"]]
    assert model.conditioned == [2]


def test_guidance_may_end_early_and_then_takes_one_lane():
    model = TinyModel()
    engine = Engine(model, 8)
    engine.add(work("a", 5, guidance_scale=3.0, guidance_end=0.4))
    run(engine)
    assert model.batches == [["not", "a"]] * 2 + [["a"]] * 3


def test_edges_may_steer_some_steps_alone():
    model = TinyModel()
    engine = Engine(model, 8)
    engine.add(work("a", 5, edges=EDGES, control_guidance_start=0.2, control_guidance_end=0.6))
    engine.add(work("b", 5, edges=EDGES))
    run(engine)
    assert model.conditioned == [1, 2, 2, 1, 1]
    assert model.batches == [["b", "a"], ["a", "b"], ["a", "b"], ["b", "a"], ["b", "a"]]


def test_guidance_without_end_or_start():
    (never,) = denoise(Engine(TinyModel(), 1), [work(guidance_scale=3.0, guidance_end=0.0)])
    (unguided,) = denoise(Engine(TinyModel(), 1), [work(guidance_scale=1.0)])
    torch.testing.assert_close(never, unguided)


def test_clamped_latents_stay_in_the_range_of_the_prompt_alone():
    options = {"steps": 1, "size": (64, 64)}
    (prompted,) = denoise(Engine(TinyModel(), 1), [work("a long prompt", **options)])
    for clamp in (False, True):
        guided = work("a long prompt", guidance_scale=20.0, latent_clamp=clamp, **options)
        (made,) = denoise(Engine(TinyModel(), 1), [guided])
        beyond = max(float(made.max() - prompted.max()), float(prompted.min() - made.min()))
        assert (beyond > 1e-3) != clamp
