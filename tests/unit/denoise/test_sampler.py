"""Samplers, one object a trajectory."""

import pytest
import torch

from serve_app.denoise.sampler import SAMPLERS, Samplers
from serve_app.errors import InvalidRequest
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


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_step_at_a_time_is_what_diffusers_makes_of_all(name):
    """Of a model that predicts nothing; `euler_a` and `lcm` draw the same noise on their way."""
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    sampler = Samplers(NOISE_SCHEDULE).start(name, 6, 0)
    kind, options = SAMPLERS[name]
    theirs = kind.from_config(NOISE_SCHEDULE, **options)
    theirs.set_timesteps(6)
    ours, expected = sampler.noised(noise, None), noise * theirs.init_noise_sigma
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    more = {"generator": generators[1]} if name in ("ddim", "euler", "euler_a", "lcm") else {}
    for timestep in theirs.timesteps:
        assert sampler.timestep == float(timestep)
        torch.testing.assert_close(
            sampler.scaled(ours), theirs.scale_model_input(expected, timestep)
        )
        ours, _ = sampler.advance(ours, torch.zeros_like(ours), generators[0])
        expected = theirs.step(torch.zeros_like(expected), timestep, expected, **more).prev_sample
    torch.testing.assert_close(ours, expected)
    assert sampler.done == sampler.steps == 6


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_is_skipped_is_the_noisy_end(name):
    whole = Samplers(NOISE_SCHEDULE).start(name, 8, 0)
    half = Samplers(NOISE_SCHEDULE).start(name, 8, 5)
    picture, noise = torch.full((1, 1, 4, 4), 10.0), torch.ones(1, 1, 4, 4)
    assert half.steps == 3 and half.timestep < whole.timestep
    begun = half.scaled(half.noised(noise, picture))
    assert begun.mean() > 5, "mostly picture"
    for _ in range(3):
        begun, _ = half.advance(begun, torch.zeros_like(begun), torch.Generator())
    assert half.done == half.steps


@pytest.mark.parametrize("name", SAMPLERS)
def test_rows_of_one_method_do_not_share_its_state(name):
    def finished(*others):
        """The latents of a row that takes turns with others."""
        samplers = Samplers(NOISE_SCHEDULE)
        rows = [samplers.start(name, steps, 0) for steps in (4, *others)]
        latents = [torch.full((1, 1, 2, 2), 1.0 + each) for each in range(len(rows))]
        generators = [torch.Generator().manual_seed(0) for _ in rows]
        for _ in range(4):
            for at, row in enumerate(rows):
                prediction = torch.full_like(latents[at], at / 4)
                latents[at], _ = row.advance(latents[at], prediction, generators[at])
        return latents[0]

    torch.testing.assert_close(finished(8, 5), finished())


def test_a_model_that_predicts_something_else_is_refused_at_the_start():
    with pytest.raises(ValueError, match="sample is not supported"):
        Samplers(NOISE_SCHEDULE | {"prediction_type": "sample"})


@pytest.mark.parametrize(("name", "steps", "param"), [("x", 4, "sampler"), ("lcm", 60, None)])
def test_unknown_names_and_too_many_steps_are_refused_by_their_field(name, steps, param):
    with pytest.raises(InvalidRequest) as refused:
        Samplers(NOISE_SCHEDULE).start(name, steps, 0)
    assert refused.value.param == (param or "num_inference_steps")
