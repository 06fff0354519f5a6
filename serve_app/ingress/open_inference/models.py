"""The models offered through the Open Inference Protocol: inputs, outputs, and the stages behind
each.

Values go through the same checks as on every other route; omitted optional inputs come from
`defaults`.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from serve_app.config import AppArgs
from serve_app.errors import InvalidRequest
from serve_app.ingress import checks, conversion
from serve_app.ingress.encoding import encode_timed
from serve_app.ingress.open_inference.tensors import TensorSpec, Values
from serve_app.ingress.problems import invalid_field
from serve_app.ingress.schema import MAX_SEED, ImageRequest
from serve_app.messages import (
    CaptionResult,
    ClassifierCard,
    ClassResult,
    Pixels,
    PreprocessResult,
    StageReport,
    Terms,
)
from serve_app.pipeline import Finished, Pipeline
from serve_app.timings import Timings

Inputs = dict[str, Any]
"""Values by the name of the input."""


@dataclass(frozen=True)
class Outputs:
    """Values by the name of the output, what the stages reported, and where the time went.

    A preview has an index, and no reports.
    """

    values: dict[str, Values]
    reports: list[StageReport]
    timings: Timings
    preview: int | None = None


@dataclass(frozen=True)
class InferenceModel:
    """A model's signature, the deployments it needs, and the function that runs it: previews, if
    the terms ask for them, then the outputs."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    deployments: tuple[str, ...]
    infer: Callable[[Inputs, Terms], AsyncGenerator[Outputs]]

    def sized(self, card: ClassifierCard) -> "InferenceModel":
        """A copy whose shapes are those of the loaded classifier."""
        shapes = {"pixel_values": (-1, *card.input_shape), "probabilities": (-1, len(card.labels))}
        inputs, outputs = (
            tuple(replace(spec, shape=shapes.get(spec.name, spec.shape)) for spec in specs)
            for specs in (self.inputs, self.outputs)
        )
        return replace(self, inputs=inputs, outputs=outputs)


_PROMPT = TensorSpec("prompt", "BYTES", (1,))
_IMAGE = TensorSpec("image", "BYTES", (1,), is_image=True)
_IMAGES = TensorSpec("image", "BYTES", (-1,), is_image=True)
_SEED = TensorSpec("seed", "INT64", (1,), optional=True)
_STEPS = TensorSpec("num_inference_steps", "INT32", (1,), optional=True)
_SCALE = TensorSpec("scale", "INT32", (1,), optional=True)
_RESULT = TensorSpec("result", "BYTES", (1,), is_image=True)
_CAPTION = TensorSpec("caption", "BYTES", (-1,))
_PIXEL_VALUES = TensorSpec("pixel_values", "FP32", (-1, 3, -1, -1))
_PROBABILITIES = TensorSpec("probabilities", "FP32", (-1, -1))


def build_models(pipeline: Pipeline, args: AppArgs) -> dict[str, InferenceModel]:
    """The models by name, over one pipeline."""

    def checked(inputs: Inputs) -> list[bytes]:
        images: list[bytes] = inputs["image"]
        for image in images:
            checks.checked_image(image, args.limits, "image")
        return images

    async def generate(inputs: Inputs, terms: Terms) -> AsyncGenerator[Outputs]:
        fields: dict[str, Any] = {"prompt": _text(inputs["prompt"][0])}
        if "seed" in inputs:
            fields["seed"] = int(inputs["seed"][0]) % (MAX_SEED + 1)
        if "num_inference_steps" in inputs:
            fields["num_inference_steps"] = int(inputs["num_inference_steps"][0])
        control = inputs["image"][0] if "image" in inputs else None
        try:
            body = ImageRequest(**fields)
        except ValidationError as error:
            raise InvalidRequest(str(invalid_field(error.errors()))) from error
        request, composition = conversion.image_generation(
            body, args, control=control, control_field="image"
        )
        if not terms.partial_images:
            (image,) = await pipeline.generate(request, composition, terms=terms)
            yield await _encoded(image.pixels, image.reports)
            return
        events = pipeline.generate_streaming(request, composition, 1, terms)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Finished):
                    yield await _encoded(event.pixels, event.reports)
                elif event.progress.pixels is not None:
                    index = event.progress.partial_image_index
                    yield replace(await _encoded(event.progress.pixels, []), preview=index)

    async def upscale(inputs: Inputs, terms: Terms) -> AsyncGenerator[Outputs]:
        (image,) = inputs["image"]
        default = 4 if args.models.upscaler.x4 else 2
        scale = int(inputs["scale"][0]) if "scale" in inputs else default
        header = checks.checked_image(image, args.limits, "image")
        checks.check_upscale(header.width, header.height, scale, args, "scale", "png")
        result = await pipeline.upscale(image, scale, terms.finish_by)
        yield await _encoded(result.pixels, [result.report])

    async def caption(inputs: Inputs, terms: Terms) -> AsyncGenerator[Outputs]:
        results = await pipeline.caption(checked(inputs), terms.finish_by)
        yield _reported("caption", [result.text.encode() for result in results], results)

    async def preprocess(inputs: Inputs, terms: Terms) -> AsyncGenerator[Outputs]:
        results = await pipeline.preprocess(checked(inputs), terms.finish_by)
        pixel_values = np.stack([result.pixel_values for result in results])
        yield _reported("pixel_values", pixel_values, results)

    async def classify(inputs: Inputs, terms: Terms) -> AsyncGenerator[Outputs]:
        pixel_values = inputs["pixel_values"]
        results = await pipeline.classify_preprocessed(pixel_values, terms.finish_by)
        yield _probabilities(results)

    async def ensemble(inputs: Inputs, terms: Terms) -> AsyncGenerator[Outputs]:
        yield _probabilities(await pipeline.classify(checked(inputs), terms.finish_by))

    model = InferenceModel
    return {
        "text_to_image": model((_PROMPT, _SEED, _STEPS), (_RESULT,), ("Generator",), generate),
        "controlnet": model((_PROMPT, _IMAGE, _SEED), (_RESULT,), ("Canny", "Generator"), generate),
        "upscale": model((_IMAGE, _SCALE), (_RESULT,), ("Upscaler",), upscale),
        "caption": model((_IMAGES,), (_CAPTION,), ("Captioner",), caption),
        "preprocess": model((_IMAGES,), (_PIXEL_VALUES,), ("Classifier",), preprocess),
        "classifier": model((_PIXEL_VALUES,), (_PROBABILITIES,), ("Classifier",), classify),
        "ensemble": model((_IMAGES,), (_PROBABILITIES,), ("Classifier",), ensemble),
    }


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("prompt: not valid UTF-8") from error


async def _encoded(pixels: Pixels, reports: list[StageReport]) -> Outputs:
    data, timings = await encode_timed(pixels, reports)
    return Outputs({"result": [data]}, reports, timings)


_Reported = CaptionResult | PreprocessResult | ClassResult


def _reported(name: str, values: Values, results: Sequence[_Reported]) -> Outputs:
    reports = [result.report for result in results]
    return Outputs({name: values}, reports, Timings.of(reports))


def _probabilities(results: list[ClassResult]) -> Outputs:
    probabilities = np.stack([result.probabilities for result in results])
    return _reported("probabilities", probabilities, results)
