"""Throw-away losses that lead the generator to bind colours to shapes.

The diffusion loss alone must find three things at once: which shape a place belongs to, which
word names that shape, and which colour stands before the word. These losses name each of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from transformers import CLIPTokenizer

from demo.outlines import KINDS
from demo.patches import covering_shape, patch_labels
from demo.shapes import COLORS, Scene

_IGNORED = -100


class Hints(nn.Module):
    """Linear heads on the text encoder, the control branch and the denoiser; not exported."""

    def __init__(self, tokenizer: CLIPTokenizer, text_width: int, widths: tuple[int, int]):
        super().__init__()
        fine, coarse = widths
        self.color_of_word = nn.Linear(text_width, len(COLORS))
        self.repetition_of_word = nn.Linear(text_width, 3)
        self.kinds_fine = nn.Conv2d(fine, len(KINDS) + 1, 1)
        self.kinds_coarse = nn.Conv2d(coarse, len(KINDS) + 1, 1)
        self.repetitions_coarse = nn.Conv2d(coarse, 4, 1)
        self.colors_drawn = nn.Conv2d(fine, len(COLORS), 1)
        self.kinds_drawn = nn.Conv2d(fine, len(KINDS) + 1, 1)
        color_of_token = torch.full((len(tokenizer),), _IGNORED)
        for index, color in enumerate(COLORS):
            color_of_token[tokenizer.convert_tokens_to_ids(f"{color}</w>")] = index
        self.register_buffer("color_of_token", color_of_token, persistent=False)
        kinds = [tokenizer.convert_tokens_to_ids(f"{kind}</w>") for kind in KINDS]
        self.register_buffer("kind_tokens", torch.tensor(kinds), persistent=False)

    def of_words(self, tokens: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Each word tells the colour before it, each shape whether it is the first of its kind.

        tokens: int64 [n, 77]; text: the encoder's output, float32 [n, 77, width].
        """
        colors = torch.full_like(tokens, _IGNORED)
        colors[:, 1:] = self.color_of_token[tokens[:, :-1]]
        same_before = (tokens[:, :, None] == tokens[:, None, :]).tril(-1).sum(2).clamp(max=2)
        is_kind = torch.isin(tokens, self.kind_tokens)
        repetitions = same_before.masked_fill(~is_kind, _IGNORED)
        return _cross_entropy(self.color_of_word(text), colors) + _cross_entropy(
            self.repetition_of_word(text), repetitions
        )

    def of_places(
        self, scenes: list[Scene], fine: torch.Tensor, coarse: torch.Tensor, drawn: torch.Tensor
    ) -> torch.Tensor:
        """The control branch tells the shape at each place and whether it is the first of its kind
        from the left; the denoiser, controlled or not, tells colour and shape.

        fine: float32 [n, width, 16, 16] and coarse: float32 [n, width, 8, 8], for the first n of
        the scenes; drawn: float32 [scenes, width, 16, 16].
        """
        controlled = scenes[: len(fine)]
        kinds, colors = _labels(patch_labels, scenes, drawn)
        coarse_kinds, _ = _labels(patch_labels, controlled, coarse)
        (repetitions,) = _labels(repetitions_of, controlled, coarse)
        return (
            nn.functional.cross_entropy(self.kinds_fine(fine), kinds[: len(fine)])
            + nn.functional.cross_entropy(self.kinds_coarse(coarse), coarse_kinds)
            + nn.functional.cross_entropy(self.repetitions_coarse(coarse), repetitions)
            + nn.functional.cross_entropy(self.colors_drawn(drawn), colors)
            + nn.functional.cross_entropy(self.kinds_drawn(drawn), kinds)
        )


def _labels(
    label: Callable[[Scene, int], tuple[np.ndarray, ...]], scenes: list[Scene], like: torch.Tensor
) -> list[torch.Tensor]:
    grid = like.shape[-1]
    return [
        torch.from_numpy(np.stack(labels)).view(-1, grid, grid).to(like.device)
        for labels in zip(*(label(scene, grid) for scene in scenes), strict=True)
    ]


def repetitions_of(scene: Scene, grid: int) -> tuple[np.ndarray]:
    """How many of its kind there are up to the shape at each place, 0 for none: int64 [grid**2]."""
    kinds = [shape.kind for shape in scene.shapes]
    counts = [kinds[: index + 1].count(kind) for index, kind in enumerate(kinds)]
    return (np.array([*counts, 0])[covering_shape(scene, grid)],)


def _cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over the labels that are not ignored, 0 if there are none."""
    total = nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=_IGNORED, reduction="sum"
    )
    return total / (labels != _IGNORED).sum().clamp(min=1)
