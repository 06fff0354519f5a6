"""Bodies of the routes to single stages."""

from pydantic import BaseModel, Field

from serve_app.ingress.schema import Base64, Body


class ImageBody(Body):
    image: Base64


class CaptionResponse(BaseModel):
    caption: str
    timings: dict[str, float] = Field(description="seconds by stage")
    warnings: list[str] | None = Field(None, description="of unknown fields, where there are some")


class ClassResponse(BaseModel):
    label: str = Field(description="the most probable class")
    probabilities: dict[str, float] = Field(description="of every class, which sum to 1")
    timings: dict[str, float] = Field(description="seconds by stage")
    warnings: list[str] | None = Field(None, description="of unknown fields, where there are some")
