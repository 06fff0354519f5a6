"""The Canny stage: encoded image in, edge map out."""

import time

from ray import serve

from serve_app.config import Limits
from serve_app.deployments.decoding import decoding
from serve_app.deployments.refusals import refusal_as_value
from serve_app.deployments.starting import lower_priority
from serve_app.imaging import codec
from serve_app.imaging.canny import find_edges
from serve_app.messages import CannyRequest, ImageResult, StageReport
from serve_app.tracing import record_stage


@serve.deployment
class Canny:
    """Not batched: OpenCV works on one image at a time, and takes milliseconds."""

    def __init__(self, limits: Limits) -> None:
        lower_priority()
        self._limits = limits

    @refusal_as_value
    async def __call__(self, request: CannyRequest) -> ImageResult:
        """The edge map, uint8 [height, width]. Raises what `codec.decode` raises."""
        arrived = time.monotonic()
        result = await decoding(self._run, request, arrived)
        record_stage(result.report, arrived)
        return result

    def _run(self, request: CannyRequest, arrived: float) -> ImageResult:
        started = time.monotonic()
        pixels = codec.decode(request.image, self._limits.max_image_pixels, request.size)
        edges = find_edges(pixels, request.low_threshold, request.high_threshold)
        run_s = time.monotonic() - started
        return ImageResult(edges, StageReport("canny", started - arrived, run_s, batch_size=1))
