"""The contract between replicas: what one stage hands to the next. Imports nothing of ours.

Images travel as the client's encoded bytes or as uint8 arrays. The one float tensor is the
classifier's input, for clients that ask for it or send it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Covered = NDArray[np.bool_]


@dataclass(frozen=True)
class StageReport:
    """What one stage did for one item. Returned by the stage, published by `calls.py`."""

    stage: str
    queue_s: float
    run_s: float
    batch_size: int


@dataclass(frozen=True)
class ImageResult:
    """`pixels` is uint8 RGB [height, width, 3], or [height, width] for an edge map; `prompt_tokens`
    what the text encoder read of a generation's prompts."""

    pixels: Pixels
    report: StageReport
    prompt_tokens: int = 0


@dataclass(frozen=True)
class CaptionResult:
    text: str
    report: StageReport


@dataclass(frozen=True)
class PreprocessResult:
    """`pixel_values` is the classifier's input, float32 [3, height, width]."""

    pixel_values: Floats
    report: StageReport


@dataclass(frozen=True)
class ClassResult:
    """`probabilities` is float32 [classes] in the order of `labels`, which are unique."""

    labels: tuple[str, ...]
    probabilities: Floats
    report: StageReport


@dataclass(frozen=True)
class ClassifierCard:
    """What the classifier takes, [3, height, width], and what it tells apart."""

    input_shape: tuple[int, ...]
    labels: tuple[str, ...]


Picture = bytes | ImageResult
"""A client's encoded image, or the result of an earlier stage."""


@dataclass(frozen=True)
class Region:
    """A rectangle of an image of `width` x `height` pixels: from (left, top) up to (right,
    bottom)."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom


@dataclass(frozen=True)
class CannyRequest:
    """`image` is encoded. With a size the image is resized before edges are found, in pixels; with
    a region, that of the image resized to another size before. What `is_edges` is an edge map
    already, light on dark."""

    image: bytes
    low_threshold: int
    high_threshold: int
    size: tuple[int, int] | None = None  # (width, height)
    region: Region | None = None
    is_edges: bool = False


@dataclass(frozen=True)
class GenerationRequest:
    """One image to make, in diffusers' words. The answer depends on nothing else."""

    prompt: str
    negative_prompt: str
    seed: int
    width: int
    height: int
    num_inference_steps: int
    sampler: str
    guidance_scale: float
    controlnet_conditioning_scale: float
    strength: float
    image: bytes | None = None  # encoded; image-to-image starts from it at `strength`
    mask_image: bytes | None = None  # encoded, grey, as large as `image`: white is made anew
    region: Region | None = None  # of `image`, that is generated in its place; whole if left out
    guidance_rescale: float = 0.0
    guidance_end: float = 1.0  # the share of the steps, from the first, that are guided
    latent_clamp: bool = False


@dataclass(frozen=True)
class MaskSource:
    """What a `mask_image` was made of: the field it was sent as and the hash of its bytes, the
    radius of its blur and the padding around it, in pixels of the image."""

    field: str
    hash: str
    blur: float
    padding: int | None


@dataclass(frozen=True)
class Terms:
    """How a generation wants to be served; nothing here changes the image."""

    priority: int = 0
    finish_by: float | None = None  # Unix seconds: true in any process, however long a call waits
    partial_images: int = 0
    every_step: bool = False  # report each step, not only the ones with a partial image


@dataclass(frozen=True)
class Progress:
    """Where a generation stands. `pixels` is what it looks like so far, where that is due."""

    step: int
    num_inference_steps: int  # to be computed: fewer than asked for in image-to-image
    eta_s: float
    queue_position: int  # 1 is next to start, 0 runs
    pixels: Pixels | None = None
    partial_image_index: int | None = None
