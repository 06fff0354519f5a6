"""Server-sent events to typed events, and typed events to a result."""

import base64
import json
from typing import Any

import httpx

from serve_app.client import answers
from serve_app.client.errors import Unreachable
from serve_app.client.results import Completed, Event, Generation, Image, PartialImage, Progress


class EventReader:
    """Reads one response's lines, in order."""

    def __init__(self, response: httpx.Response, last_id: str = "") -> None:
        """`last_id` is that of the last event before these."""
        self.last_id = last_id
        self._request_id = answers.request_id(response)
        self._data: list[str] = []

    def read(self, line: str) -> Event | None:
        """The event that this line completes, or None. Raises Refused if the stream carries an
        error, Unreachable if it is not a stream of this service.
        """
        if line.startswith("data:"):
            self._data.append(line.removeprefix("data:").removeprefix(" "))
        if line.startswith("id:"):
            self.last_id = line.removeprefix("id:").strip()
        # `event:` lines repeat the type in the data, and all others are comments
        if line or not self._data:
            return None
        text = "\n".join(self._data)
        self._data.clear()
        return answers.parsed(self._event, text)

    def _event(self, text: str) -> Event | None:
        data = json.loads(text)
        if "error" in data:
            raise answers.refused(data["error"], 200, self._request_id)
        kind = data["type"].rpartition(".")[2]
        if kind == "completed":
            return Completed(
                image=Image(base64.b64decode(data["b64_json"]), data["seed"], data["caption"]),
                size=answers.size(data["size"]),
                output_format=data["output_format"],
                timings=data["timings"],
                request_id=self._request_id,
            )
        if kind == "partial_image":
            return PartialImage(
                **_progress(data),
                index=data["partial_image_index"],
                data=base64.b64decode(data["b64_json"]),
                size=answers.size(data["size"]),
                output_format=data["output_format"],
            )
        return Progress(**_progress(data)) if kind == "progress" else None


def _progress(data: dict[str, Any]) -> dict[str, Any]:
    names = ("seed", "step", "num_inference_steps", "eta_s", "queue_position")
    return {name: data[name] for name in names}


def generation(completed: list[Completed], count: int) -> Generation:
    """The result of a stream of `count` images, which end in any order. Raises Unreachable."""
    if len(completed) < count:
        raise Unreachable("the answer ended before the last image")
    ordered = sorted(completed, key=lambda event: event.image.seed)
    timings: dict[str, float] = {}
    for event in ordered:  # made concurrently, so a stage counts as its slowest image
        for stage, seconds in event.timings.items():
            timings[stage] = max(seconds, timings.get(stage, 0.0))
    first = ordered[0]
    return Generation(
        images=tuple(event.image for event in ordered),
        size=first.size,
        output_format=first.output_format,
        timings=timings,
        request_id=first.request_id,
    )
