"""How a picture of this service was made, from the text `parameters` in its PNG."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from serve_app.client import pngs
from serve_app.client.calls import EditOptions
from serve_app.client.files import BadInput

KEYWORD = "parameters"
_NEGATIVE = "\nNegative prompt: "
_PAIR = re.compile(r'([\w][\w \-/]{0,60}): ("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_LEAST_PAIRS = 3
_ALWAYS = (
    "Steps", "Sampler", "CFG scale", "Seed", "Size", "Guidance end", "Latent clamp", "Version",
)  # fmt: skip
_HASHES = {"image": "Image hash", "control_image": "Control image hash", "mask": "Mask hash"}


@dataclass(frozen=True)
class Recipe:
    """A request's prompt and options, and of each picture that it needs the SHA-256's beginning, by
    the name of the command line's option; `mask_field` is what the mask was sent as.

    `values` are all that the text says, by name.
    """

    prompt: str
    options: EditOptions
    hashes: Mapping[str, str]
    mask_field: str
    values: Mapping[str, str]

    def differences(self, other: "Recipe") -> list[str]:
        """What the text of another picture says otherwise, a line each."""
        names = [*self.values, *(name for name in other.values if name not in self.values)]
        return [
            f"{name} was {self.values.get(name, 'not said')}, "
            f"and is {other.values.get(name, 'not said')}"
            for name in names
            if self.values.get(name) != other.values.get(name)
        ]


def hash_of(data: bytes, digits: int) -> str:
    """The first hexadecimal digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:digits]


def read(png: bytes) -> Recipe:
    """The recipe inside a PNG. Raises BadInput where there is none of this service's."""
    text = pngs.text_of(png, KEYWORD)
    if text is None:
        raise BadInput(
            f"it has no text {KEYWORD!r}: it is not from this service, was saved again by another "
            "program, or the service is configured to write none (args.embed_parameters)"
        )
    words, _, line = text.rpartition("\n")
    values = _values(line)
    missing = [name for name in _ALWAYS if name not in values]
    if missing:
        raise BadInput(
            f"its text {KEYWORD!r} lacks {', '.join(missing)}: it is another program's, or of an "
            "older version of this service, and does not tell all that made the picture"
        )
    prompt, _, negative = words.partition(_NEGATIVE)
    try:
        options = _options(values, pngs.size_of(png))
    except (ValueError, KeyError) as error:
        raise BadInput(f"its text {KEYWORD!r} cannot be read: {error}") from error
    if negative:
        options["negative_prompt"] = negative
    hashes = {field: values[name] for field, name in _HASHES.items() if name in values}
    field = values.get("Mask field", "mask")
    return Recipe(prompt, cast(EditOptions, options), hashes, field, values)


def _values(line: str) -> dict[str, str]:
    pairs = _PAIR.findall(line)
    if len(pairs) < _LEAST_PAIRS:
        return {}
    return {name.strip(): _unquoted(value.strip()) for name, value in pairs}


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:
        return value


def _options(values: Mapping[str, str], picture: tuple[int, int]) -> dict[str, Any]:
    """Raises ValueError and KeyError."""
    found: dict[str, Any] = {
        "num_inference_steps": int(values["Steps"]),
        "sampler": values["Sampler"].lower().replace("++", "pp").replace(" ", "_"),
        "guidance_scale": float(values["CFG scale"]),
        "guidance_end": float(values["Guidance end"]),
        "latent_clamp": values["Latent clamp"] == "True",
        "seed": int(values["Seed"]),
        "output_format": "png",
    }
    for name, option, kind in (
        ("Guidance rescale", "guidance_rescale", float),
        ("Denoising strength", "strength", float),
        ("Mask blur", "mask_blur", float),
        ("Masked area padding", "padding_mask_crop", int),
    ):
        if name in values:
            found[option] = kind(values[name])
    if "ControlNet 0" in values:
        unit = _values(values["ControlNet 0"])
        if unit["Module"] != "canny":
            raise ValueError("it was made along an edge map, which only web UI's API takes")
        found["controlnet_conditioning_scale"] = float(unit["Weight"])
        found["canny_low_threshold"] = int(unit["Threshold A"])
        found["canny_high_threshold"] = int(unit["Threshold B"])
    return found | _sizes(values, picture)


def _sizes(values: Mapping[str, str], picture: tuple[int, int]) -> dict[str, Any]:
    """The request's `size`, `native` and `upscale` for what was generated, enlarged and resized."""
    upscale = int(values.get("Postprocess upscale by", "1"))
    generated = values["Size"]
    width, height = (int(side) * upscale for side in generated.split("x"))
    resized = values.get("Postprocess upscale to")
    enlarged = {"upscale": upscale} if upscale > 1 else {}
    exactly = {"size": generated, "native": True, **enlarged}
    if "Mask hash" not in values:
        return {"size": resized} if resized else exactly
    if resized:
        return exactly if resized == f"{width}x{height}" else {"size": resized}
    # What was generated is pasted into the image, whose size the picture keeps.
    return exactly if picture == (width, height) else {"size": "auto", **enlarged}
