"""The pipeline file: what is evaluated on what, by which metrics, and what must be reached."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from serve_app.config import SamplerName
from serve_app.jobs.evaluate.bounds import Bounds
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.options import DEFAULT_CONFIG
from serve_app.jobs.one_line import one_line

_TRUTH = {"classify": "label", "caption": "caption", "generate": "prompt"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pool(_Strict):
    """Options of `jobs.classify` and `jobs.caption`, by the same names."""

    concurrency: Annotated[int, Field(ge=1)] = 1
    num_cpus: Annotated[float, Field(gt=0)] = 1
    num_gpus: Annotated[float, Field(ge=0)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 8
    address: str | None = None


class Images(_Strict):
    """Options of `jobs.images`, by the same names; what is left out is as the configuration has
    it."""

    size: Annotated[str, Field(pattern=r"^[1-9]\d*x[1-9]\d*$")] | None = None
    steps: Annotated[int, Field(ge=1)] | None = None
    sampler: SamplerName | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=50)] | None = None
    negative_prompt: str | None = None


class Pipeline(_Strict):
    """Paths are relative to the working directory."""

    task: Literal["classify", "caption", "generate"]
    inputs: str
    output: Path
    outputs: str | None = None
    config: Path = DEFAULT_CONFIG
    truth: str | None = None
    classes: Annotated[list[str], Field(min_length=1)] | None = None
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    gate: dict[str, Bounds] = {}
    worst: Annotated[int, Field(ge=0, le=500)] = 24
    predict: Pool = Pool()
    label: str = "label"
    image: Literal["control", "start"] = "control"
    images: Images = Images()

    @property
    def truth_column(self) -> str:
        """The column of the inputs that has the right answer, or the prompt."""
        return self.truth or _TRUTH[self.task]

    @model_validator(mode="after")
    def _of_its_task(self) -> "Pipeline":
        strange = {"label", "image", "images"} if self.task != "generate" else {"classes"}
        if named := sorted(strange & self.model_fields_set):
            raise ValueError(f"task {self.task} has no {named[0]!r}")
        return self


def read(path: Path) -> Pipeline:
    """Raises Unusable for what is no pipeline file."""
    try:
        told: Any = yaml.safe_load(path.read_text())
        return Pipeline.model_validate(told)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise Unusable(f"{path}: {where}: {first['msg']}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} is no YAML: {one_line(error)}") from error
