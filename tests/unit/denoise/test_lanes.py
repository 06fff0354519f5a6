"""Guidance, row by row."""

import pytest
import torch

from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from serve_app.denoise.sampler import SAMPLERS, Samplers
from tests.denoising import NOISE_SCHEDULE, TinyModel, run, work


def test_guidance_may_end_early_and_then_takes_one_lane():
    model = TinyModel()
    engine = Engine(model, 8)
    engine.add(work("a", 5, guidance_scale=3.0, guidance_end=0.4))
    run(engine)
    assert model.batches == [["not", "a"]] * 2 + [["a"]] * 3


def test_guidance_without_end_or_start():
    (never,) = denoise(Engine(TinyModel(), 1), [work(guidance_scale=3.0, guidance_end=0.0)])
    (unguided,) = denoise(Engine(TinyModel(), 1), [work(guidance_scale=1.0)])
    torch.testing.assert_close(never, unguided)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_prediction_and_what_it_leads_to_are_inverse(name, predicts):
    sampler = Samplers(NOISE_SCHEDULE | {"prediction_type": predicts}).start(name, 8, 0)
    generator = torch.Generator().manual_seed(0)
    latents = sampler.noised(torch.randn(1, 4, 8, 8, generator=generator), None)
    prediction = torch.randn(1, 4, 8, 8, generator=generator)
    for _ in range(2):  # a multistep method has no history at its first step
        scaled = sampler.scaled(latents)
        leads_to = sampler.expected(scaled, prediction)
        torch.testing.assert_close(
            sampler.leading_to(leads_to, scaled), prediction, atol=1e-3, rtol=0
        )
        latents, expected = sampler.advance(latents, prediction, generator)
        if name != "lcm":  # it mixes some of the noisy latents in
            torch.testing.assert_close(expected, leads_to, atol=2e-2, rtol=2e-2)


def test_clamped_latents_stay_in_the_range_of_the_prompt_alone():
    options = {"steps": 1, "size": (64, 64)}
    (prompted,) = denoise(Engine(TinyModel(), 1), [work("a long prompt", **options)])
    for clamp in (False, True):
        guided = work("a long prompt", guidance_scale=20.0, latent_clamp=clamp, **options)
        (made,) = denoise(Engine(TinyModel(), 1), [guided])
        beyond = max(float(made.max() - prompted.max()), float(prompted.min() - made.min()))
        assert (beyond > 1e-3) != clamp
