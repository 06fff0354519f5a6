"""Samplers, one object a trajectory."""

import pytest
import torch

from serve_app.denoise.sampler import SAMPLERS, Samplers
from tests.denoising import NOISE_SCHEDULE


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
