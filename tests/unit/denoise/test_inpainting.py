"""Masked rows: what stays of the picture, step by step, and what a model that inpaints is shown."""

import numpy as np
import pytest
import torch

from serve_app.denoise.engine import Engine
from serve_app.denoise.inpainting import everything, latent_mask
from serve_app.denoise.offline import denoise
from serve_app.denoise.sampler import SAMPLERS, Samplers
from serve_app.denoise.trajectory import start_all
from serve_app.errors import InvalidRequest
from tests.denoising import NOISE_SCHEDULE, TinyModel, work

SIZE = (64, 64)
PICTURE = np.arange(64 * 64 * 3, dtype=np.uint32).reshape(64, 64, 3).astype(np.uint8)
MASK = np.zeros((64, 64), np.uint8)
MASK[8:40, 16:64] = 255
CELLS = MASK[::8, ::8] == 255


class Encoding(TinyModel):
    """Encodes a picture as its own pixels and a little noise; what is covered as -1."""

    def __init__(self, inpaints=False):
        super().__init__()
        self.inpaints = inpaints
        self.channels = []

    def encode_image(self, image, generator, covered=None):
        latents = torch.tensor(image[::8, ::8, 0] / 255, dtype=torch.float32)
        if covered is not None:
            latents[torch.tensor(covered[::8, ::8])] = -1
        noise = torch.randn((1, 1, *latents.shape), generator=generator)
        return latents[None, None] + 0.01 * noise

    def predict(self, sample, timesteps, text, control, control_scale):
        self.channels.append(sample.shape[1])
        return super().predict(sample[:, :1], timesteps, text, control, control_scale)


def masked(**fields):
    return work(size=SIZE, **{"image": PICTURE, "mask": MASK, "guidance_scale": 2.0} | fields)


def started(one, model):
    return start_all([one], model, Samplers(NOISE_SCHEDULE))[0]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_what_is_not_masked_ends_as_the_picture_in_every_sampler(sampler, strength):
    one = masked(sampler=sampler, strength=strength, steps=6)
    picture = Encoding().encode_image(PICTURE, torch.Generator().manual_seed(one.request.seed))
    (latents,) = denoise(Engine(Encoding(), 1), [one])
    torch.testing.assert_close(latents[0, 0][~CELLS], picture[0, 0][~CELLS])
    assert (latents - picture)[0, 0][CELLS].abs().max() > 0.1


def test_between_steps_the_rest_is_as_noisy_as_the_step_left_the_row():
    row = started(masked(steps=4), Encoding())
    for done in range(1, 5):
        row.advance(torch.zeros_like(row.latents))
        expected = row.sampler.noised_again(row.kept.picture, row.kept.noise)
        torch.testing.assert_close(row.latents[0, 0][~CELLS], expected[0, 0][~CELLS])
        torch.testing.assert_close(row.expected[0, 0][~CELLS], row.kept.picture[0, 0][~CELLS])
        assert torch.equal(expected, row.kept.picture) == (done == 4)


def test_full_strength_begins_with_noise_alone():
    row = started(masked(strength=1.0), Encoding())
    assert torch.equal(row.latents, row.kept.noise)
    assert row.sampler.steps == 4
    half = started(masked(strength=0.5), Encoding())
    assert half.sampler.steps == 2 and not torch.equal(half.latents, half.kept.noise)


def mixed_batch():
    return [
        masked(prompt="b", seed=2, sampler="euler_a"),
        work("c", size=SIZE, seed=3, sampler="lcm"),
        masked(prompt="d", seed=4, edges=MASK, strength=0.7),
        work("e", size=SIZE, seed=5, image=PICTURE, strength=0.5, guidance_scale=3.0),
    ]


@pytest.mark.parametrize("inpaints", [False, True])
def test_the_rest_of_the_batch_changes_nothing(inpaints):
    one = masked(prompt="a long prompt", seed=9, sampler="euler_a", steps=5)
    (alone,) = denoise(Engine(Encoding(inpaints), 8), [one])
    together = denoise(Engine(Encoding(inpaints), 8), [*mixed_batch(), one])
    torch.testing.assert_close(together[-1], alone)
    for other, latents in zip(mixed_batch(), together, strict=False):
        (expected,) = denoise(Engine(Encoding(inpaints), 8), [other])
        torch.testing.assert_close(latents, expected)


def test_a_model_that_inpaints_is_shown_the_mask_and_the_rest_of_the_picture():
    row = started(masked(strength=0.5), Encoding(inpaints=True))
    assert row.kept is None
    mask, rest = row.shown[0]
    assert torch.equal(mask == 1, torch.tensor(CELLS))
    assert (rest[CELLS] < -0.9).all() and (rest[~CELLS] > -0.1).all()
    model = Encoding(inpaints=True)
    denoise(Engine(model, 8), [masked(), work("a", size=SIZE)])
    assert set(model.channels) == {3}


def test_without_a_mask_such_a_model_makes_everything_anew():
    model = Encoding(inpaints=True)
    plain, whole = work(size=SIZE), masked(mask=everything(*SIZE), guidance_scale=1.0)
    for one in (plain, whole):
        mask, rest = started(one, model).shown[0]
        assert (mask == 1).all() and (rest < -0.9).all()
    first, second = denoise(Engine(model, 1), [plain]), denoise(Engine(model, 1), [whole])
    torch.testing.assert_close(first, second)


def test_the_first_pixel_of_a_latent_decides_and_grey_counts_from_the_middle():
    mask = np.zeros((16, 24), np.uint8)
    mask[0, 0], mask[0, 8], mask[9:16, 16:24] = 128, 127, 255
    sized = latent_mask(mask, torch.zeros(1, 4, 2, 3))
    assert sized.tolist() == [[[[1, 0, 0], [0, 0, 0]]]]


def test_a_mask_that_covers_no_latent_is_refused():
    dot = np.zeros((64, 64), np.uint8)
    dot[3:7, 3:7] = 255
    for inpaints in (False, True):
        with pytest.raises(InvalidRequest, match="padding_mask_crop") as refused:
            started(masked(mask=dot), Encoding(inpaints))
        assert refused.value.param == "mask"
