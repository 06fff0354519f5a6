"""The contract with a Serve YAML file's `args:`; `args.models` is in `model_config.py`.

Three homes, by lifetime: `args:` (here, a redeploy), `deployments:` (Ray's own fields) and
`user_config:` (`EngineSettings` and `BatchSettings` below, changed live).
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from serve_app.model_config import Models, Settings


def _as_browsers_write_it(origin: str) -> str:
    return origin.lower().rstrip("/")


Origin = Annotated[str, AfterValidator(_as_browsers_write_it)]
Side = Annotated[int, Field(ge=8, multiple_of=8)]
SamplerName = Literal["ddim", "dpmpp_2m", "dpmpp_2m_karras", "euler", "euler_a", "unipc", "lcm"]
"""diffusers' schedulers, by the names of other tools (`serve_app/denoise/sampler.py`)."""


class Limits(Settings):
    """What a client may ask for. All but the time-outs are checked before any work starts."""

    max_body_bytes: PositiveInt = 32 * 1024 * 1024
    max_image_pixels: PositiveInt = 4096 * 4096
    max_aspect_ratio: float = Field(20.0, ge=1, description="of an input image, long to short side")
    max_upscale_pixels: PositiveInt = Field(512 * 512, description="of the image to enlarge")
    max_edit_pixels: PositiveInt = Field(
        2048 * 2048, description="of an image edited with a mask, which comes back at its own size"
    )
    max_side: Side = Field(1024, description="longest side of a generated image, in pixels")
    max_pixels: PositiveInt = Field(
        1024 * 1024, description="of a generated image; what a step of it takes grows with them"
    )
    max_prompt_chars: PositiveInt = 2000
    max_steps: PositiveInt = 100
    max_images: PositiveInt = Field(10, description="`n` of one request")
    max_batch_items: PositiveInt = Field(32, description="of one Open Inference request")
    max_pending_images: PositiveInt = Field(
        64,
        description="in progress in the whole service, for each kind of work; each ingress replica "
        "admits an equal share, at least 1",
    )
    request_timeout_s: PositiveFloat = 300.0
    read_timeout_s: PositiveFloat = Field(
        30.0, description="a client that sends nothing of its body for so long is given up"
    )
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
        description="the share of the steps, from the first, that are guided in ControlNet-"
        "conditioned requests; without edges, guidance alone composes the picture, so all steps "
        "are guided",
    )
    latent_clamp: bool = Field(
        False, description="keep guided latents in the range that they have without guidance"
    )
    controlnet_conditioning_scale: float = Field(1.0, ge=0, le=2)
    strength: float = Field(0.75, gt=0, le=1)
    canny_low_threshold: int = Field(100, ge=0, le=255)
    canny_high_threshold: int = Field(200, ge=0, le=255)

    def guidance_end_of(self, conditioned: bool) -> float:
        """`guidance_end` of a request, by whether it is ControlNet-conditioned."""
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


class JobSettings(Settings):
    """What is kept of jobs, in the memory of one replica."""

    max_jobs: PositiveInt = Field(
        100, description="queued and running; as many finished ones are kept beside them"
    )
    max_running: PositiveInt = Field(
        16, description="images of jobs in progress, besides limits.max_pending_images"
    )
    keep_s: PositiveFloat = Field(3600.0, description="of a finished job")
    max_bytes: PositiveInt = Field(
        256 * 1024 * 1024,
        description="of the results that are kept, and again of the images that queued jobs hold",
    )
    return_within_s: PositiveFloat = Field(
        30.0,
        description="who sent a request with an Idempotency-Key and lost the connection asks again "
        "by then, or its work is stopped",
    )
    webhook_hosts: list[str] = Field(
        [],
        description="hosts that a job's webhook may be at; addresses and networks, as 10.1.0.0/16, "
        "too. A listed name may lead to a private address only if that is listed as well",
    )
    webhook_secret_variable: str | None = Field(
        None, description="the environment variable that holds the secret which signs webhooks"
    )

    @model_validator(mode="after")
    def _webhooks_are_signed(self) -> Self:
        if self.webhook_hosts and self.webhook_secret_variable is None:
            raise ValueError("webhook_hosts need webhook_secret_variable: webhooks are signed")
        return self


class FileSettings(Settings):
    """Where images are kept that are answered as a URL."""

    folder: Path | None = Field(
        None,
        description="shared by all nodes where there are several. Left out: one of the service's "
        "own in the temporary folder",
    )
    keep_s: PositiveFloat = 3600.0
    max_bytes: PositiveInt = Field(256 * 1024 * 1024, description="the oldest are deleted first")
    base_url: str | None = Field(
        None,
        pattern="^https?://",
        description="how clients reach the service, where a proxy hides it; left out: by the "
        "scheme and host of the request",
    )


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
    embed_parameters: bool = Field(
        True, description="PNG results carry all that made them, as text"
    )
    webui: bool = Field(
        False, description="also speak the API of Stable Diffusion web UI, under /sdapi"
    )
    metrics: bool = Field(
        False, description="also answer GET /metrics, with this application's metrics alone"
    )
    jobs: JobSettings | None = Field(
        None, description="left out: no request is kept as a job, and there is no deployment Jobs"
    )
    files: FileSettings | None = Field(None, description="left out: no image is answered as a URL")

    @model_validator(mode="after")
    def _default_size_is_allowed(self) -> Self:
        width, height, limits = self.defaults.width, self.defaults.height, self.limits
        if max(width, height) > limits.max_side or width * height > limits.max_pixels:
            raise ValueError(f"the default size {width}x{height} is over the limits")
        return self

    @model_validator(mode="after")
    def _any_request_fits_into_a_job(self) -> Self:
        if self.jobs is not None and self.jobs.max_running < self.limits.max_images:
            raise ValueError("jobs.max_running is under limits.max_images")
        return self


class EngineSettings(Settings):
    """`user_config` of the generator, whose every denoising step is a batch."""

    max_batch_size: int = Field(8, ge=1, le=256)


class BatchSettings(Settings):
    """`user_config` of the other batched deployments; applied by `reconfigure()` while it runs."""

    max_batch_size: int = Field(8, ge=1, le=256)
    batch_wait_timeout_s: float = Field(0.01, ge=0, le=1)


def read_args(path: Path) -> AppArgs:
    """The `args:` of a Serve file's first application.

    Raises OSError, YAMLError, LookupError or TypeError for another file, and ValidationError.
    """
    return AppArgs.model_validate(_application(path)["args"])


def read_batching(path: Path, deployment: str) -> BatchSettings:
    """The `user_config` of a deployment of the same file.

    Raises as `read_args`, and ValueError where there is no such deployment.
    """
    (found,) = (each for each in _application(path)["deployments"] if each["name"] == deployment)
    return BatchSettings.model_validate(found.get("user_config", {}))


def read_cpus(path: Path, deployment: str) -> float:
    """The CPUs that Ray gives a replica of a deployment of the same file.

    Raises as `read_batching`.
    """
    (found,) = (each for each in _application(path)["deployments"] if each["name"] == deployment)
    return float(found.get("ray_actor_options", {}).get("num_cpus", 1))


def _application(path: Path) -> Any:
    return yaml.safe_load(path.read_text())["applications"][0]
