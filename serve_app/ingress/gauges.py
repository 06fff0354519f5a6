"""The gauges of a replica that runs a pipeline: the work in progress, and its memory."""

from functools import partial

from serve_app.metrics.readings import Readings
from serve_app.metrics.requests import publish_pending
from serve_app.metrics.stages import publish_process_memory
from serve_app.pipeline import Pipeline


def keep_gauges(pipeline: Pipeline, name: str = "ingress") -> None:
    """Set them every second from now on."""
    readings = [partial(publish_pending, pipeline.work), partial(publish_process_memory, name)]
    Readings(readings).keep_taking()
