"""What calls return and streams yield.

Images are encoded bytes, sizes (width, height) in pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from serve_app.client.errors import Refused


@dataclass(frozen=True)
class Image:
    """One image of a generation: the same request with this `seed` gives it again."""

    data: bytes
    seed: int
    caption: str | None


@dataclass(frozen=True)
class Generation:
    """The images of one request in the order of their seeds; `timings` in seconds by stage."""

    images: tuple[Image, ...]
    size: tuple[int, int]
    output_format: str
    timings: Mapping[str, float]
    request_id: str | None

    @property
    def image(self) -> Image:
        """The first, which is the only one unless `n` asked for more."""
        return self.images[0]


@dataclass(frozen=True)
class Progress:
    """A step of the image with this seed is done, or its place in the queue has changed.

    `eta_s` is the service's forecast of the seconds left; `queue_position` is 0 once it runs.
    """

    seed: int
    step: int
    num_inference_steps: int
    eta_s: float
    queue_position: int


@dataclass(frozen=True)
class PartialImage(Progress):
    """A preview; `index` counts the previews of its image from 0."""

    index: int
    data: bytes
    size: tuple[int, int]
    output_format: str


@dataclass(frozen=True)
class Completed:
    """An image is done; `timings` in seconds by stage."""

    image: Image
    size: tuple[int, int]
    output_format: str
    timings: Mapping[str, float]
    request_id: str | None


Event = Progress | PartialImage | Completed


@dataclass(frozen=True)
class Job:
    """How a job stands: `status` is queued, running, succeeded, failed or cancelled.

    `eta_s` is the forecast of the seconds left, None where none are known; `queue_position` is 0
    once it runs, and None when it is done. A job that is done has a `generation` or an `error`,
    one that was cancelled neither.
    """

    id: str
    status: str
    step: int
    num_inference_steps: int
    eta_s: float | None
    queue_position: int | None
    created: int
    generation: Generation | None
    error: Refused | None

    @property
    def done(self) -> bool:
        """Whether nothing more will become of it."""
        return self.status not in ("queued", "running")


@dataclass(frozen=True)
class Processed:
    """The image that a single stage made; `timings` in seconds by stage."""

    data: bytes
    output_format: str
    timings: Mapping[str, float]


@dataclass(frozen=True)
class Caption:
    """What is in an image, in words; `timings` in seconds by stage."""

    text: str
    timings: Mapping[str, float]


@dataclass(frozen=True)
class Classification:
    """The likeliest class of an image, and the probability of each."""

    label: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class StageHealth:
    """A stage's state as Ray Serve calls it, and how many of its replicas run."""

    status: str
    replicas: int


@dataclass(frozen=True)
class Health:
    """Every stage has a replica that can take work."""

    status: str
    stages: Mapping[str, StageHealth]
