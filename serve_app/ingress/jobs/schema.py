"""Bodies of `/v1/jobs`."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from serve_app.ingress.controlnet.schema import ControlNetResponse
from serve_app.ingress.described import headers
from serve_app.ingress.openai.schema import ImageResponse

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class JobError(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str


class JobReport(BaseModel):
    """A job as its owner sees it."""

    id: str
    status: Status
    step: int = Field(description="of the image that is furthest from its end")
    num_inference_steps: int
    eta_s: float | None = Field(description="seconds left, as measured; null where none are known")
    queue_position: int | None = Field(
        None, description="1 is next to start, 0 runs; null when it is done"
    )
    created: int = Field(description="Unix time, seconds")
    result: ImageResponse | ControlNetResponse | None = Field(
        None, description="what the request itself would have been answered"
    )
    error: JobError | None = None


class JobList(BaseModel):
    object: Literal["list"] = "list"
    data: list[JobReport] = Field(description="the newest first, without their results")


JOB_TAKEN: dict[int | str, dict[str, Any]] = {
    202: {
        "model": JobReport,
        "description": "A job, where Prefer: respond-async asks for one",
        "headers": headers("Location", "Preference-Applied"),
    }
}
"""The OpenAPI `responses` of routes that may be answered later."""
