"""Muon: momentum, made orthogonal, for matrices and convolutions, and Adam for the rest.

From Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon), with the update scaled to
Adam's size (Liu et al. 2025, https://arxiv.org/abs/2502.16982), so one learning rate serves both.
Short trainings of small models gain far more from it than from AdamW.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

_MOMENTUM = 0.95
_BETAS = (0.9, 0.99)
_EPSILON = 1e-8


class Muon(torch.optim.Optimizer):
    """Optimises every trainable parameter of the given modules."""

    def __init__(self, modules: Iterable[nn.Module], lr: float = 3e-3, weight_decay: float = 0.0):
        modules = list(modules)
        embeddings = {
            layer.weight
            for module in modules
            for layer in module.modules()
            if isinstance(layer, nn.Embedding)
        }
        parameters = dict.fromkeys(p for m in modules for p in m.parameters() if p.requires_grad)
        matrices = [p for p in parameters if p.ndim in (2, 4) and p not in embeddings]
        others = [p for p in parameters if p.ndim not in (2, 4) or p in embeddings]
        groups = [{"params": matrices, "orthogonal": True}, {"params": others, "orthogonal": False}]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Apply one update from the gradients at hand."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                update = (
                    _muon(parameter.grad, state)
                    if group["orthogonal"]
                    else _adam(parameter.grad, state)
                )
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * update)


def _muon(gradient: torch.Tensor, state: dict) -> torch.Tensor:
    momentum = state.setdefault("momentum", torch.zeros_like(gradient))
    momentum.lerp_(gradient, 1 - _MOMENTUM)
    nesterov = gradient.lerp(momentum, _MOMENTUM).flatten(1)
    return orthogonalise(nesterov).view_as(gradient) * 0.2 * max(nesterov.shape) ** 0.5


def _adam(gradient: torch.Tensor, state: dict) -> torch.Tensor:
    if not state:
        state |= {
            "step": 0,
            "mean": torch.zeros_like(gradient),
            "square": torch.zeros_like(gradient),
        }
    state["step"] += 1
    mean = state["mean"].lerp_(gradient, 1 - _BETAS[0])
    square = state["square"].lerp_(gradient.square(), 1 - _BETAS[1])
    mean_scale, square_scale = (1 - beta ** state["step"] for beta in _BETAS)
    return (mean / mean_scale) / ((square / square_scale).sqrt() + _EPSILON)


def orthogonalise(matrix: torch.Tensor) -> torch.Tensor:
    """Float [rows, columns] with all its singular values near one, by Newton-Schulz steps."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    wide = (matrix.T if tall else matrix).bfloat16()
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(5):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return (wide.T if tall else wide).to(matrix.dtype)
