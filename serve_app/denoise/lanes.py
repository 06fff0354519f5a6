"""Rows of a batch as lanes of the networks' input, and guidance on the way back.

A guided row takes two lanes, its negative prompt's and its prompt's; a row without guidance takes
one. Rows that edges steer come first, so that the control branch runs over the front of the batch
only.
"""

from collections.abc import Sequence

import torch

from serve_app.denoise.sampler import Sampler
from serve_app.denoise.trajectory import DenoisingModel, Trajectory


def predict(model: DenoisingModel, rows: Sequence[Trajectory]) -> list[torch.Tensor]:
    """The guided prediction [1, channels, height, width] of each row, from one run of the model."""
    front_first = sorted(rows, key=lambda row: row.steering is None)
    lanes = [row for row in front_first for _ in _texts(row)]
    scaled = {id(row): row.sampler.scaled(row.latents) for row in front_first}
    steering = {id(row): row.steering for row in front_first}
    conditioned = [(edges, row) for row in lanes if (edges := steering[id(row)]) is not None]
    scales = [row.work.request.controlnet_conditioning_scale for _, row in conditioned]
    predicted = model.predict(
        torch.cat([_shown(row, scaled[id(row)]) for row in lanes]),
        _sent([row.sampler.timestep for row in lanes], model.device, torch.float32),
        torch.cat([text for row in front_first for text in _texts(row)]),
        torch.cat([control for control, _ in conditioned]) if conditioned else None,
        _column(scales, model) if conditioned else None,
    )
    answers = iter(predicted.split(1))
    guided = {
        id(row): _guided(row, scaled[id(row)], [next(answers) for _ in _texts(row)])
        for row in front_first
    }
    return [guided[id(row)] for row in rows]


def _shown(row: Trajectory, scaled: torch.Tensor) -> torch.Tensor:
    return scaled if row.shown is None else torch.cat([scaled, row.shown], 1)


def _texts(row: Trajectory) -> list[torch.Tensor]:
    if row.guided and row.negative is not None:
        return [row.negative, row.text]
    return [row.text]


def _column(values: list[float], model: DenoisingModel) -> torch.Tensor:
    return _sent(values, model.device, model.dtype)[:, None, None, None]


def _sent(values: list[float], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """To a GPU without waiting for the steps that it has yet to run."""
    made = torch.tensor(values, dtype=dtype)
    if device.type == "cuda":
        made = made.pin_memory()
    return made.to(device, non_blocking=True)


def _guided(row: Trajectory, scaled: torch.Tensor, answers: list[torch.Tensor]) -> torch.Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, https://arxiv.org/abs/2207.12598).

    With `guidance_rescale`, the result's deviation is pulled back towards the prompted one's
    (Lin et al. 2023, https://arxiv.org/abs/2305.08891, section 3.4).
    """
    if len(answers) == 1:
        return answers[0]
    negative, prompted = answers
    request = row.work.request
    guided = negative + request.guidance_scale * (prompted - negative)
    if request.guidance_rescale:
        rescaled = guided * (prompted.std() / guided.std())
        share = request.guidance_rescale
        guided = share * rescaled + (1 - share) * guided
    return _clamped(row.sampler, scaled, guided, prompted) if request.latent_clamp else guided


def _clamped(
    sampler: Sampler, scaled: torch.Tensor, guided: torch.Tensor, prompted: torch.Tensor
) -> torch.Tensor:
    """Keep the latents that guidance leads to within what the prompt alone leads to.

    Guidance overshoots, and the VAE never saw such latents. So each channel of the expected
    picture is clamped to the range that it has without guidance.
    """
    bounds = sampler.expected(scaled, prompted)
    low, high = bounds.amin((2, 3), keepdim=True), bounds.amax((2, 3), keepdim=True)
    expected = sampler.expected(scaled, guided).clamp(low, high)
    return sampler.leading_to(expected, scaled)
