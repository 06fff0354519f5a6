"""The contract with the `args:` section of a Serve YAML file. Imports nothing of ours.

Three homes, by lifetime: `args:` (here, a redeploy), `deployments:` (Ray's own fields) and
`user_config:` (`EngineSettings` and `BatchSettings` below, changed live).
"""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def _resolve(path: str) -> str:
    """An existing folder relative to the project becomes absolute; the rest is a hub id."""
    folder = PROJECT_ROOT / path
    return str(folder) if folder.is_dir() else path


def _as_browsers_write_it(origin: str) -> str:
    return origin.lower().rstrip("/")


def _in_project(path: Path) -> Path:
    return PROJECT_ROOT / path


ModelPath = Annotated[str, AfterValidator(_resolve), Field(min_length=1)]
FilePath = Annotated[Path, AfterValidator(_in_project)]
Origin = Annotated[str, AfterValidator(_as_browsers_write_it)]
Side = Annotated[int, Field(ge=8, multiple_of=8)]
SamplerName = Literal["ddim", "dpmpp_2m", "dpmpp_2m_karras", "euler", "euler_a", "unipc", "lcm"]
"""How noise is integrated away; diffusers' samplers (`serve_app/denoise/sampler.py`)."""


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
    """A misspelt key is an error, not a silent default; settings never change after start."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    path: ModelPath
    revision: Revision = "main"
    controlnet: ModelPath
    controlnet_revision: Revision = "main"
    variant: str | None = Field(None, description="file variant to load, for example fp16")
    placement: Placement = Placement()

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


class Models(Settings):
    generator: GeneratorModel
    upscaler: UpscalerModel
    captioner: CaptionerModel
    classifier: ClassifierModel


class Limits(Settings):
    """What a client may ask for. Everything here is checked before any work starts."""

    max_body_bytes: PositiveInt = 32 * 1024 * 1024
    max_image_pixels: PositiveInt = 4096 * 4096
    max_aspect_ratio: float = Field(20.0, ge=1, description="of an input image, long to short side")
    max_upscale_pixels: PositiveInt = Field(512 * 512, description="of the image to enlarge")
    max_side: Side = Field(1024, description="longest side of a generated image, in pixels")
    max_pixels: PositiveInt = Field(
        1024 * 1024, description="of a generated image; what a step of it takes grows with them"
    )
    max_prompt_chars: PositiveInt = 2000
    max_steps: PositiveInt = 100
    max_images: PositiveInt = Field(4, description="`n` of one request")
    max_batch_items: PositiveInt = Field(32, description="of one Open Inference request")
    max_pending_images: PositiveInt = Field(
        64,
        description="in progress in the whole service, for each kind of work; each ingress replica "
        "admits an equal share, at least 1",
    )
    request_timeout_s: PositiveFloat = 300.0
    write_timeout_s: PositiveFloat = Field(
        60.0, description="a client that reads nothing of its answer for so long is given up"
    )


class Defaults(Settings):
    """What a generation request gets where it says nothing."""

    width: Side = 512
    height: Side = 512
    num_inference_steps: PositiveInt = 20
    sampler: SamplerName = "ddim"
    guidance_scale: float = Field(7.5, ge=0, le=50)
    guidance_end: float = Field(
        1.0,
        ge=0,
        le=1,
        description="the share of the steps, from the first, that are guided where edges steer; "
        "without edges, guidance alone composes the picture, and all steps are guided",
    )
    latent_clamp: bool = Field(
        False, description="keep guided latents in the range that they have without guidance"
    )
    controlnet_conditioning_scale: float = Field(1.0, ge=0, le=2)
    strength: float = Field(0.75, gt=0, le=1)
    canny_low_threshold: int = Field(100, ge=0, le=255)
    canny_high_threshold: int = Field(200, ge=0, le=255)

    def guidance_end_of(self, conditioned: bool) -> float:
        """`guidance_end` of a request, by whether edges steer it."""
        return self.guidance_end if conditioned else 1.0


class Auth(Settings):
    """Where the SHA-256 hashes of the API keys are, in hexadecimal: a file, or a secret."""

    keys_file: str | None = Field(None, description="a hash a line, then its owner's name")
    keys_variable: str | None = Field(
        None, description="the environment variable that holds hashes between commas"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.keys_file is None) == (self.keys_variable is None):
            raise ValueError("name either keys_file or keys_variable")
        return self


class AppArgs(Settings):
    """The whole `args:` section."""

    models: Models
    limits: Limits = Limits()
    defaults: Defaults = Defaults()
    auth: Auth | None = Field(None, description="left out: everybody may use the service")
    cors_origins: list[Origin] = Field(
        [],
        description="web pages of other origins that may call it, as https://studio.example; "
        'those that are not listed are refused, "*" lists all',
    )
    allowed_hosts: list[str] | None = Field(
        None,
        description="names under which the service is reached, without ports: those of proxies in "
        'front of it too; *.example.com stands for every name below, "*" for all. Left out: all '
        "where API keys are asked for; else IP addresses, names without a dot, this machine's own "
        "and those below localhost, local, internal, svc and home.arpa, which no web page can take "
        "for its own",
    )
    embed_parameters: bool = Field(True, description="PNG results carry prompt, seed, steps, …")

    @model_validator(mode="after")
    def _default_size_is_allowed(self) -> Self:
        width, height, limits = self.defaults.width, self.defaults.height, self.limits
        if max(width, height) > limits.max_side or width * height > limits.max_pixels:
            raise ValueError(f"the default size {width}x{height} is over the limits")
        return self


class EngineSettings(Settings):
    """`user_config` of the generator, whose every denoising step is a batch."""

    max_batch_size: int = Field(8, ge=1, le=256)


class BatchSettings(Settings):
    """`user_config` of the other batched deployments; applied by `reconfigure()` while it runs."""

    max_batch_size: int = Field(8, ge=1, le=256)
    batch_wait_timeout_s: float = Field(0.01, ge=0, le=1)
