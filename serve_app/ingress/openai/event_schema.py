"""The events of a stream, as `/openapi.json` describes them; `events.py` makes them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from serve_app.ingress.openai.usage import Usage
from serve_app.ingress.problems import ErrorBody
from serve_app.ingress.schema import OutputFormat

_KINDS = "^image_(generation|edit|variation)"


class _Event(BaseModel):
    created_at: int = Field(description="Unix time, seconds")
    seed: int = Field(description="of the image that the event is about")
    quality: Literal["auto"] = Field(description="OpenAI's field, always the same here")
    background: Literal["opaque"] = Field(description="OpenAI's field, always the same here")
    output_format: OutputFormat = Field(description="of the image")
    num_inference_steps: int = Field(description="denoising steps that the image takes")
    step: int = Field(description="denoising steps that are done")
    eta_s: float = Field(description="seconds left, by forecast")
    queue_position: int | None = Field(description="1 is next to start, 0 runs")


class ProgressEvent(_Event):
    """A step, or a move in the queue; with `progress` alone."""

    type: str = Field(pattern=_KINDS + r"\.progress$", description="also the event's name")
    caption: None = Field(description="not yet")


class PartialImageEvent(_Event):
    """A preview."""

    type: str = Field(pattern=_KINDS + r"\.partial_image$", description="also the event's name")
    b64_json: str = Field(description="the preview in base64")
    size: str = Field(description='"WxH", of the preview')
    partial_image_index: int = Field(ge=0, description="of the image's previews, from 0")
    caption: None = Field(description="not yet")


class CompletedEvent(_Event):
    """An image that is finished."""

    type: str = Field(pattern=_KINDS + r"\.completed$", description="also the event's name")
    b64_json: str | None = Field(None, description="the image in base64")
    url: str | None = Field(None, description="where it is instead, with `response_format` url")
    size: str = Field(description='"WxH", after upscaling')
    model: str = Field(description="the model's own name")
    caption: str | None = Field(description="with `caption`")
    timings: dict[str, float] = Field(description="seconds by stage")
    usage: Usage = Field(description="tokens")


EVENTS = (ProgressEvent, PartialImageEvent, CompletedEvent, ErrorBody)
"""What the data of an event may be; an error ends the stream, and has no name."""

STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "each event; its data is JSON",
            "required": ["data"],
            "properties": {
                "event": {
                    "type": "string",
                    "description": "the data's `type`; an error has none",
                },
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": {
                        "oneOf": [
                            {"$ref": f"#/components/schemas/{event.__name__}"} for event in EVENTS
                        ]
                    },
                },
            },
        }
    }
}
"""The OpenAPI `content` of a stream."""
