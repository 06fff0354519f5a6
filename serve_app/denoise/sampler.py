"""diffusers' samplers, one object a trajectory: rows of a batch need not agree in theirs."""

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)

from serve_app.errors import InvalidRequest

SAMPLERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {}),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp_2m_karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "unipc": (UniPCMultistepScheduler, {}),
    "lcm": (LCMScheduler, {}),
}


class Samplers:
    """The samplers of one model, whose noise schedule all of them share."""

    def __init__(self, noise_schedule: Mapping[str, Any]) -> None:
        """`noise_schedule` is the configuration of the model's own diffusers scheduler.

        Raises ValueError for a model that predicts neither noise nor velocity.
        """
        if noise_schedule.get("prediction_type", "epsilon") not in ("epsilon", "v_prediction"):
            raise ValueError(
                f"prediction_type {noise_schedule['prediction_type']} is not supported"
            )
        self._templates = {
            name: kind.from_config(noise_schedule, **options)
            for name, (kind, options) in SAMPLERS.items()
        }

    def start(self, name: str, steps: int, skipped: int) -> "Sampler":
        """A sampler of `steps` steps that leaves out the first `skipped`.

        Raises InvalidRequest for an unknown name, or a method that cannot take so many steps.
        """
        if name not in self._templates:
            raise InvalidRequest(f"unknown sampler; here are {', '.join(SAMPLERS)}").about(
                "sampler"
            )
        # Shallow: set_timesteps replaces what it changes.
        integrator = copy.copy(self._templates[name])
        try:
            integrator.set_timesteps(steps)
        except ValueError as error:  # LCM takes no more steps than it was distilled from
            message = f"the sampler {name} cannot take {steps} steps"
            raise InvalidRequest(message).about("num_inference_steps") from error
        return Sampler(integrator, skipped)


class Sampler:
    """Takes one image's latents from noise to picture, a step at a time."""

    def __init__(self, integrator: Any, skipped: int) -> None:
        self._integrator = integrator
        if hasattr(integrator, "set_begin_index"):  # DDIM goes by the timestep alone
            integrator.set_begin_index(skipped)
        self._timesteps = integrator.timesteps[skipped:]
        self._predicts = integrator.config.prediction_type
        # alpha-bar (`alphas_cumprod`) before each step.
        kept = integrator.alphas_cumprod.numpy()
        self._kept = np.interp(self._timesteps.numpy(), np.arange(len(kept)), kept)
        self._takes_generator = "generator" in inspect.signature(integrator.step).parameters
        self.steps = len(self._timesteps)
        self.done = 0

    @property
    def timestep(self) -> float:
        """Where the next step begins, in the units that the model was trained with."""
        return float(self._timesteps[self.done])

    def noised(self, noise: torch.Tensor, picture: torch.Tensor | None) -> torch.Tensor:
        """The latents to begin with: noise alone, or laid over a picture's latents."""
        if picture is None:
            return noise * self._integrator.init_noise_sigma
        return self._integrator.add_noise(picture, noise, self._timesteps[:1])

    def noised_again(self, picture: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """A picture's latents with as much noise as is left now: none after the last step."""
        if self.done == self.steps:
            return picture
        now = self._timesteps[self.done : self.done + 1]
        noised: torch.Tensor = self._integrator.add_noise(picture, noise, now)
        return noised

    def scaled(self, latents: torch.Tensor) -> torch.Tensor:
        """The latents as the model wants them at this step."""
        return self._integrator.scale_model_input(latents, self._timesteps[self.done])

    def expected(self, scaled: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
        """x0, the finished latents that a prediction for `scaled` latents implies."""
        signal, noise = self._mixture()
        if self._predicts == "epsilon":
            return (scaled - noise * prediction) / signal
        return signal * scaled - noise * prediction

    def leading_to(self, expected: torch.Tensor, scaled: torch.Tensor) -> torch.Tensor:
        """The prediction for `scaled` latents that leads to these; the inverse of `expected`."""
        signal, noise = self._mixture()
        if self._predicts == "epsilon":
            return (scaled - signal * expected) / noise
        return (signal * scaled - expected) / noise

    def _mixture(self) -> tuple[float, float]:
        """sqrt(alpha-bar) and sqrt(1 - alpha-bar) before this step: the shares of picture and
        noise."""
        kept = float(self._kept[self.done])
        return kept**0.5, (1 - kept) ** 0.5

    def advance(
        self, latents: torch.Tensor, prediction: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a step: the next latents, and what the finished picture is expected to be."""
        noise_source = {"generator": generator} if self._takes_generator else {}
        step = self._integrator.step(
            prediction, self._timesteps[self.done], latents, **noise_source, return_dict=True
        )
        self.done += 1
        expected = step.get("pred_original_sample", step.get("denoised"))
        if expected is None:  # multistep methods keep it to themselves
            expected = self._integrator.model_outputs[-1]
        return step.prev_sample, expected
