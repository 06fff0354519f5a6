"""What a trajectory begins with: its steps, its noise, what it shares with others."""

import numpy as np
import pytest
import torch

from serve_app.denoise.sampler import Samplers
from serve_app.denoise.trajectory import start_all
from serve_app.errors import InvalidRequest
from tests.denoising import NOISE_SCHEDULE, TinyModel, work

PICTURE = np.zeros((16, 16, 3), np.uint8)
EDGES = np.zeros((16, 16), np.uint8)


class Counted(TinyModel):
    """Remembers what it is asked to encode together."""

    def __init__(self):
        super().__init__()
        self.texts, self.edges = [], []

    def encode_prompts(self, prompts):
        self.texts.append(list(prompts))
        return super().encode_prompts(prompts)

    def embed_edges(self, edges):
        self.edges.append(len(edges))
        return super().embed_edges(edges)


def started(*works, model=None):
    return start_all(works, model or TinyModel(), Samplers(NOISE_SCHEDULE))


@pytest.mark.parametrize(
    ("strength", "steps"), [(1.0, 10), (0.75, 7), (0.5, 5), (0.1, 1), (0.05, 0)]
)
def test_an_image_to_start_from_leaves_out_the_steps_before_its_strength(strength, steps):
    assert work(steps=10, image=PICTURE, strength=strength).steps == steps
    assert work(steps=10, strength=strength).steps == 10, "there is nothing to start from"


@pytest.mark.parametrize(
    ("fields", "guided"),
    [
        ({"guidance_scale": 3.0}, 10),
        ({"guidance_scale": 1.0}, 0),
        ({"guidance_scale": 3.0, "guidance_end": 0.4}, 4),
        ({"guidance_scale": 3.0, "guidance_end": 0.5, "image": PICTURE, "strength": 0.4}, 2),
    ],
)
def test_guided_steps(fields, guided):
    assert work(steps=10, **fields).guided_steps == guided


@pytest.mark.parametrize(
    ("start", "end", "steered"),
    [
        (0.0, 1.0, range(10)),
        (0.0, 0.4, range(4)),
        (0.3, 1.0, range(3, 10)),
        (0.25, 0.75, range(3, 7)),
        (0.42, 0.49, range(0)),
    ],
)
def test_steered_steps(start, end, steered):
    share = {"control_guidance_start": start, "control_guidance_end": end}
    assert work(steps=10, edges=EDGES, **share).steered_steps == steered
    assert work(steps=10, **share).steered_steps == range(0), "no edges"
    half = work(steps=10, edges=EDGES, image=PICTURE, strength=0.5, **share)
    assert len(half.steered_steps) <= (len(steered) + 1) // 2


def test_a_picture_begins_in_the_middle_of_the_schedule():
    whole, half = started(
        work(steps=8), work(steps=8, image=PICTURE, strength=0.5, sampler="dpmpp_2m")
    )
    assert (whole.sampler.steps, half.sampler.steps) == (8, 4)
    assert half.sampler.timestep < whole.sampler.timestep


def test_nothing_to_do_is_refused():
    with pytest.raises(InvalidRequest, match="too low") as refused:
        started(work(steps=4, image=PICTURE, strength=0.1))
    assert refused.value.param == "strength"


def test_texts_and_edges_are_encoded_together_for_those_who_need_them():
    model = Counted()
    plain, guided, steered = started(
        work("a"), work("b", guidance_scale=2.0), work("c", edges=EDGES), model=model
    )
    assert model.texts == [["a", "b", "c"], ["not"]] and model.edges == [1]
    assert plain.negative is None and guided.negative is not None
    assert guided.control is None and steered.control is not None


def test_noise_is_of_the_seed_alone():
    first, same, other = started(work("a", seed=1), work("b", seed=1), work("a", seed=2))
    torch.testing.assert_close(first.latents, same.latents)
    assert not torch.equal(first.latents, other.latents)


def test_it_ends_after_its_last_step_and_is_guided_until_it_need_not_be():
    (row,) = started(work(steps=2, guidance_scale=2.0, guidance_end=0.5))
    guided = []
    while not row.finished:
        guided.append(row.guided)
        row.advance(torch.zeros_like(row.latents))
    assert guided == [True, False]
    assert row.expected is not None
