"""Requests as plain data, built from what the caller asks for. Nothing is sent here."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict
from urllib.parse import quote

_EVENTS = "text/event-stream"
_LAST_EVENT_ID = "Last-Event-ID"


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
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def streamed(self) -> bool:
        """Whether the answer comes as events."""
        return bool(self.fields.get("stream")) or self.headers.get("Accept") == _EVENTS

    @property
    def last_event_id(self) -> str:
        """The event after which a stream is to go on; empty for all of it."""
        return self.headers.get(_LAST_EVENT_ID, "")

    def arguments(self) -> dict[str, Any]:
        """What `build_request` of an httpx client takes."""
        body: dict[str, Any] = {}
        headers = dict(self.headers)
        if self.files:
            body["files"] = {name: (name, data) for name, data in self.files.items()}
            body["data"] = {name: _form_text(value) for name, value in self.fields.items()}
        elif self.content is not None:
            body["content"] = self.content
            headers["Content-Type"] = "application/octet-stream"
        elif self.fields:
            body["json"] = self.fields
        if headers:
            body["headers"] = headers
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


def made_of(
    prompt: str,
    control: bytes | None,
    start_from: bytes | None,
    options: EditOptions,
    **masks: bytes | None,
) -> Call:
    """An edit of the image `start_from`, or a generation without one."""
    if start_from is None:
        return generation(prompt, control, options)
    return edit(prompt, start_from, options, **masks, control_image=control)


def once(call: Call) -> Call:
    """The same, made once however often it has to be sent."""
    return replace(call, headers={**call.headers, "Idempotency-Key": secrets.token_urlsafe(16)})


def later(call: Call, previews: int) -> Call:
    """The same as a job, whose events are those that `streamed` asks for."""
    fields = {**call.fields, "progress": True, "partial_images": previews}
    asked = replace(call, fields=fields, headers={**call.headers, "Prefer": "respond-async"})
    return once(asked)


def job_path(job_id: str) -> str:
    """Of a job; its id may be any text."""
    return f"/v1/jobs/{quote(job_id, safe='')}"


def job_events(job_id: str, last_id: str) -> Call:
    """A job's events, after the one of that id."""
    headers = {"Accept": _EVENTS} | ({_LAST_EVENT_ID: last_id} if last_id else {})
    return Call("GET", f"{job_path(job_id)}/events", headers=headers)


def streamed(call: Call, previews: int) -> Call:
    """The same, answered by an event for each step and `previews` (0 to 3) partial images."""
    events = {"stream": True, "progress": True, "partial_images": previews}
    return replace(call, fields={**call.fields, **events})


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
