"""The Canny stage: encoded image in, edge map out."""

import time

from ray import serve

from serve_app.config import Limits
from serve_app.deployments.decoding import decoding
from serve_app.deployments.refusals import refusal_as_value
from serve_app.deployments.starting import lower_priority
from serve_app.imaging import codec, masks
from serve_app.imaging.canny import find_edges
from serve_app.messages import CannyRequest, ImageResult, Pixels, StageReport


@serve.deployment
class Canny:
    """Not batched: OpenCV works on one image at a time, and takes milliseconds."""

    def __init__(self, limits: Limits) -> None:
        lower_priority()
        self._limits = limits

    @refusal_as_value
    async def __call__(self, request: CannyRequest) -> ImageResult:
        """The edge map, uint8 [height, width]. Raises what `codec.decode` raises."""
        return await decoding(self._run, request, time.perf_counter())

    def _run(self, request: CannyRequest, arrived: float) -> ImageResult:
        started = time.perf_counter()
        pixels = _pixels(request, self._limits.max_image_pixels)
        edges = find_edges(pixels, request.low_threshold, request.high_threshold)
        run_s = time.perf_counter() - started
        return ImageResult(edges, StageReport("canny", started - arrived, run_s, batch_size=1))


def _pixels(request: CannyRequest, max_pixels: int) -> Pixels:
    region = request.region
    if region is None or request.size is None:
        return codec.decode(request.image, max_pixels, request.size)
    whole = codec.decode(request.image, max_pixels, (region.width, region.height))
    return masks.cut_out(whole, region, request.size)
