"""Requests as plain data, built from what the caller asks for. Nothing is sent here."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict


class Options(TypedDict, total=False):
    """Fields of a generation. What is left out, or None, comes from the service's configuration."""

    n: int | None
    size: str | None  # "WxH" in multiples of 8, or "auto"
    native: bool | None  # make one of OpenAI's sizes at that very size, and do not enlarge
    seed: int | None
    negative_prompt: str | None
    num_inference_steps: int | None
    sampler: str | None
    guidance_scale: float | None
    guidance_rescale: float | None
    guidance_end: float | None
    latent_clamp: bool | None
    strength: float | None
    controlnet_conditioning_scale: float | None
    control_guidance_start: float | None
    control_guidance_end: float | None
    canny_low_threshold: int | None
    canny_high_threshold: int | None
    upscale: Literal[1, 2, 4] | None
    caption: bool | None
    output_format: Literal["png", "jpeg", "webp"] | None
    output_compression: int | None
    model: str | None
    deadline_ms: int | None  # for the whole call, including retries and the queue
    priority: int | None
    user: str | None


class EditOptions(Options, total=False):
    """Fields of an edit; the last two are of a mask."""

    mask_blur: float | None
    padding_mask_crop: int | None


@dataclass(frozen=True)
class Call:
    """One HTTP request. `fields` go as JSON, or with `files` as a form; `content` is a raw body."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    content: bytes | None = None

    @property
    def streamed(self) -> bool:
        """Whether the answer comes as events."""
        return bool(self.fields.get("stream"))

    def arguments(self) -> dict[str, Any]:
        """What `build_request` of an httpx client takes."""
        body: dict[str, Any] = {}
        if self.files:
            body["files"] = {name: (name, data) for name, data in self.files.items()}
            body["data"] = {name: _form_text(value) for name, value in self.fields.items()}
        elif self.content is not None:
            body["content"] = self.content
            body["headers"] = {"Content-Type": "application/octet-stream"}
        elif self.fields:
            body["json"] = self.fields
        return {"method": self.method, "url": self.path, "params": self.params} | body


def generation(prompt: str, control: bytes | None, options: Options) -> Call:
    """An image from a text; `control` is an encoded image whose edges it follows."""
    fields = _fields(prompt, options)
    if control is not None:
        fields["control_image"] = base64.b64encode(control).decode("ascii")
    return Call("POST", "/v1/images/generations", fields=fields)


def edit(prompt: str, image: bytes, options: EditOptions, **others: bytes | None) -> Call:
    """An image from a text and the encoded `image` that it starts from; `others` are the form's
    other files."""
    given = {name: data for name, data in others.items() if data is not None}
    fields = _fields(prompt, options, EditOptions)
    return Call("POST", "/v1/images/edits", fields=fields, files={"image": image, **given})


def streamed(call: Call, previews: int) -> Call:
    """The same, answered by an event for each step and `previews` (0 to 3) partial images."""
    events = {"stream": True, "progress": True, "partial_images": previews}
    return Call(call.method, call.path, fields={**call.fields, **events}, files=call.files)


def stage(name: str, image: bytes, **params: Any) -> Call:
    """A single stage's work on an encoded image."""
    given = {key: value for key, value in params.items() if value is not None}
    return Call("POST", f"/v1/{name}", params=given, content=image)


def _fields(prompt: str, options: Options | EditOptions, known: type = Options) -> dict[str, Any]:
    unknown = set(options) - set(known.__annotations__)
    if unknown:  # the service would ignore a misspelt field
        raise TypeError(f"unknown options: {', '.join(sorted(unknown))}")
    given = {name: value for name, value in options.items() if value is not None}
    # Drawn here, so that a request that has to be sent twice makes the same picture.
    return {"prompt": prompt, "seed": secrets.randbelow(2**32)} | given


def _form_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
