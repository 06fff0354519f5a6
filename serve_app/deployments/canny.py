"""The Canny stage: encoded image in, edge map out."""

import time

from ray import serve

from serve_app.config import Limits
from serve_app.deployments.decoding import decoding
from serve_app.deployments.gauges import keep_gauges
from serve_app.deployments.starting import lower_priority
from serve_app.imaging import masks
from serve_app.imaging.canny import find_edges, read_edges
from serve_app.messages import CannyRequest, ImageResult, StageReport
from serve_app.metrics.stages import QueueDepth, publish_item
from serve_app.refusals import refusal_as_value
from serve_app.tracing import record_stage


@serve.deployment
class Canny:
    """Not batched: OpenCV works on one image at a time, and takes milliseconds."""

    def __init__(self, limits: Limits) -> None:
        lower_priority()
        self._limits = limits
        self._waiting: set[object] = set()
        self._depth = QueueDepth("canny")
        keep_gauges("canny", self._publish_depth)

    @refusal_as_value
    async def __call__(self, request: CannyRequest) -> ImageResult:
        """The edge map, uint8 [height, width]. Raises what `codec.decode` raises."""
        ticket = object()
        self._waiting.add(ticket)
        arrived = time.monotonic()
        try:
            result = await decoding(self._run, request, arrived, ticket)
        finally:
            self._waiting.discard(ticket)
        record_stage(result.report, arrived)
        return result

    def _run(self, request: CannyRequest, arrived: float, ticket: object) -> ImageResult:
        self._waiting.discard(ticket)
        started = time.monotonic()
        limit = self._limits.max_image_pixels
        pixels = masks.pixels_at(request.image, limit, request.size, request.region)
        if request.is_edges:
            edges = read_edges(pixels)
        else:
            edges = find_edges(pixels, request.low_threshold, request.high_threshold)
        run_s = time.monotonic() - started
        report = StageReport("canny", started - arrived, run_s, batch_size=1)
        publish_item(report)
        return ImageResult(edges, report)

    def _publish_depth(self) -> None:
        self._depth.publish({0: len(self._waiting)})
