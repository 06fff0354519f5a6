"""A typed client of the service: `Client`, `AsyncClient`, and `python -m serve_app.client`.

    with Client("http://127.0.0.1:8000") as client:
        made = client.generate("a red circle", Path("docs/sketch.jpg").read_bytes(), upscale=4)
        Path("out.png").write_bytes(made.image.data)

Knows the service by its HTTP contract alone and imports nothing of it.
"""

from serve_app.client.asynchronous import AsyncClient
from serve_app.client.asynchronous_jobs import AsyncJobs
from serve_app.client.blocking import Client
from serve_app.client.calls import EditOptions, Options
from serve_app.client.errors import ClientError, Refused, Unreachable
from serve_app.client.jobs import Jobs
from serve_app.client.results import (
    Caption,
    Classification,
    Completed,
    Event,
    Generation,
    Health,
    Image,
    Job,
    PartialImage,
    Processed,
    Progress,
    StageHealth,
)

__all__ = [
    "AsyncClient",
    "AsyncJobs",
    "Caption",
    "Classification",
    "Client",
    "ClientError",
    "Completed",
    "EditOptions",
    "Event",
    "Generation",
    "Health",
    "Image",
    "Job",
    "Jobs",
    "Options",
    "PartialImage",
    "Processed",
    "Progress",
    "Refused",
    "StageHealth",
    "Unreachable",
]
