"""Rows of a batch as lanes of the networks' input, and guidance on the way back.

A guided row takes two lanes, its negative prompt's and its prompt's; a row without guidance takes
one. Rows with edges come first, so that the control branch runs over the front of the batch only.
"""

from collections.abc import Sequence

import torch

from serve_app.denoise.trajectory import Model, Trajectory


def predict(model: Model, rows: Sequence[Trajectory]) -> list[torch.Tensor]:
    """The guided prediction [1, channels, height, width] of each row, from one run of the model."""
    front_first = sorted(rows, key=lambda row: row.control is None)
    texts = [text for row in front_first for text in (row.negative, row.text) if text is not None]
    lanes = [row for row in front_first for _ in range(row.work.lanes)]
    scaled = {id(row): row.sampler.scaled(row.latents) for row in front_first}
    steered = [(row.control, row) for row in lanes if row.control is not None]
    scales = [row.work.request.controlnet_conditioning_scale for _, row in steered]
    predicted = model.predict(
        torch.cat([scaled[id(row)] for row in lanes]),
        torch.tensor([row.sampler.timestep for row in lanes], device=model.device),
        torch.cat(texts),
        torch.cat([control for control, _ in steered]) if steered else None,
        _column(scales, model) if steered else None,
    )
    answers = iter(predicted.split(1))
    guided = {id(row): _guided(row, [next(answers) for _ in range(row.work.lanes)])
              for row in front_first}  # fmt: skip
    return [guided[id(row)] for row in rows]


def _column(values: list[float], model: Model) -> torch.Tensor:
    return torch.tensor(values, device=model.device, dtype=model.dtype)[:, None, None, None]


def _guided(row: Trajectory, answers: list[torch.Tensor]) -> torch.Tensor:
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
    return guided
