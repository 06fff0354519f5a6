"""The section `args.models` of a Serve YAML file: which weights, where, run by which backend."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PositiveInt,
)

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def _resolve(path: str) -> str:
    """An existing folder relative to the project becomes absolute; the rest is a hub id."""
    folder = PROJECT_ROOT / path
    return str(folder) if folder.is_dir() else path


def _in_project(path: Path) -> Path:
    return PROJECT_ROOT / path


def _portable(path: str | Path) -> str:
    """Relative again where it is in the project, which another node may have elsewhere."""
    inside = Path(path).is_relative_to(PROJECT_ROOT)
    return str(Path(path).relative_to(PROJECT_ROOT) if inside else path)


_PORTABLE = PlainSerializer(_portable)
ModelPath = Annotated[str, AfterValidator(_resolve), _PORTABLE, Field(min_length=1)]
FilePath = Annotated[Path, AfterValidator(_in_project), _PORTABLE]

Backend = Literal[
    "eager",
    "compile",
    "onnxruntime",
    "onnxruntime-int8",
    "openvino",
    "openvino-bfloat16",
    "tensorrt",
]
"""What runs a model's networks (`serve_app/runtimes/backends.py`)."""


class Source(NamedTuple):
    """Where a model's files come from: a folder, or a hub id at a revision."""

    path: str
    revision: str = "main"
    variant: str | None = None


Revision = Annotated[
    str, Field(min_length=1, description="branch, tag or commit of a hub id; folders have none")
]


class Settings(BaseModel):
    """A misspelt key is an error, not a silent default; instances are immutable.

    They cross processes as they are dumped, so that each node finds paths in its own project.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Self], tuple[dict[str, Any]]]:
        return type(self).model_validate, (self.model_dump(),)


class Placement(Settings):
    """Where a runtime's weights live. `auto`: CUDA in float16 if present, else CPU in float32."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"


class RunBy(Settings):
    """What runs the networks of a model.

    A backend other than eager must have passed its quality gate with the very weights it is to run
    (`python -m serve_app.jobs.optimise`), or `unproven_backend` says that it need not.
    """

    backend: Backend = "eager"
    unproven_backend: bool = Field(
        False, description="run a backend that failed its quality gate, or was not measured"
    )
    verdicts: FilePath | None = Field(
        None, description="the gate's record of one's own weights, beside the packaged record"
    )


class GeneratorModel(RunBy):
    """A Stable Diffusion 1.x folder or hub id, and a ControlNet trained on Canny edges for it."""

    name: str = Field(description="the id that clients see in /v1/models")
    aliases: list[str] = Field([], description="other names under which clients may ask for it")
    path: ModelPath
    revision: Revision = "main"
    controlnet: ModelPath
    controlnet_revision: Revision = "main"
    variant: str | None = Field(None, description="file variant to load, for example fp16")
    placement: Placement = Placement()

    @property
    def names(self) -> list[str]:
        """What a request's `model` may say."""
        return [self.name, *self.aliases]

    @property
    def sources(self) -> list[Source]:
        return [
            Source(self.path, self.revision, self.variant),
            Source(self.controlnet, self.controlnet_revision, self.variant),
        ]


class UpscalerModel(RunBy):
    """Swin2SR folders or hub ids, one for each factor that is offered."""

    x2: ModelPath | None = None
    x2_revision: Revision = "main"
    x4: ModelPath | None = None
    x4_revision: Revision = "main"
    placement: Placement = Placement()

    @property
    def by_scale(self) -> dict[int, Source]:
        """The factors that are offered."""
        found = {2: (self.x2, self.x2_revision), 4: (self.x4, self.x4_revision)}
        return {
            scale: Source(path, revision)
            for scale, (path, revision) in found.items()
            if path is not None
        }

    @property
    def sources(self) -> list[Source]:
        return list(self.by_scale.values())


class CaptionerModel(RunBy):
    """A GIT folder or hub id."""

    path: ModelPath
    revision: Revision = "main"
    max_new_tokens: PositiveInt = 40
    placement: Placement = Placement()

    @property
    def sources(self) -> list[Source]:
        return [Source(self.path, self.revision)]


class ClassifierModel(Settings):
    """A ViT folder or hub id."""

    path: ModelPath
    revision: Revision = "main"
    placement: Placement = Placement()

    @property
    def sources(self) -> list[Source]:
        return [Source(self.path, self.revision)]


class Models(Settings):
    generator: GeneratorModel
    upscaler: UpscalerModel
    captioner: CaptionerModel
    classifier: ClassifierModel
