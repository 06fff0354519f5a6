"""Bodies of `/health` and `/v1/status`."""

from typing import Literal

from pydantic import BaseModel, Field

from serve_app.config import Defaults, Limits
from serve_app.ingress.replicas import DeploymentReport


class StageHealth(BaseModel):
    status: str
    replicas: int


class Health(BaseModel):
    status: Literal["ok"]
    stages: dict[str, StageHealth]


class WorkReport(BaseModel):
    pending: int = Field(description="images in progress or waiting at this ingress replica")
    capacity: int = Field(description="the most images in progress at once; beyond them, 429")
    seconds_per_image: float | None = Field(description="measured; null before the first is done")


class Status(BaseModel):
    model: str
    deployments: dict[str, DeploymentReport]
    work: dict[str, WorkReport] = Field(description="by kind of work")
    step_s: float | None = Field(
        description="recent seconds per denoising step; null before the first"
    )
    defaults: Defaults
    limits: Limits
