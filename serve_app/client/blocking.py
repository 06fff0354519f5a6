"""The blocking client. `asynchronous.py` is the same with `await`."""

import time
from collections.abc import Callable, Iterator
from typing import Self, Unpack

import httpx

from serve_app.client import answers, calls, events
from serve_app.client.calls import Call, EditOptions, Options
from serve_app.client.jobs import Jobs
from serve_app.client.results import (
    Caption,
    Classification,
    Completed,
    Event,
    Generation,
    Health,
    Processed,
    Progress,
)
from serve_app.client.wire import Wire


class Client:
    """The service at `url`. Images are encoded bytes, in any format that the service reads.

    A refusal with a `Retry-After` is tried again, at most `retries` times and waiting at most
    `max_wait_s` in all; a lost connection once. What makes images carries an `Idempotency-Key`,
    unless it is watched, so that a service that keeps jobs makes them once. `timeout_s` is how long
    the service may be silent. Every call raises Refused or Unreachable; ValueError says that a URL,
    a key or a field cannot be sent at all.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        retries: int = 5,
        max_wait_s: float = 60.0,
        timeout_s: float = 600.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wire = Wire(url, api_key, retries, max_wait_s, timeout_s, transport, sleep)
        self.jobs = Jobs(self._wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    def generate(
        self,
        prompt: str,
        image: bytes | None = None,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        previews: int = 0,
        **options: Unpack[Options],
    ) -> Generation:
        """Text to image, ControlNet-conditioned on the edges of `image` if given.

        `on_progress` is called for each step, and with a PartialImage for each of 0 to 3 previews.
        """
        return self._make(calls.generation(prompt, image, options), on_progress, previews)

    def edit(
        self,
        image: bytes,
        prompt: str,
        *,
        mask: bytes | None = None,
        mask_image: bytes | None = None,
        control_image: bytes | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        previews: int = 0,
        **options: Unpack[EditOptions],
    ) -> Generation:
        """Image to image: redraws `image` at `strength`. Otherwise as `generate`.

        With a mask as large as the image only a part of it: what is transparent in `mask`, or
        white in `mask_image`. The image then keeps its size and all its other pixels.
        """
        files = {"mask": mask, "mask_image": mask_image, "control_image": control_image}
        call = calls.edit(prompt, image, options, **files)
        return self._make(call, on_progress, previews)

    def stream(
        self,
        prompt: str,
        image: bytes | None = None,
        *,
        edit: bytes | None = None,
        mask: bytes | None = None,
        previews: int = 0,
        **options: Unpack[EditOptions],
    ) -> Iterator[Event]:
        """As `generate`, or as `edit` if `edit` is given (`mask` with it), but yields events.

        Yields one Completed per image. Leaving the loop cancels the work.
        """
        call = calls.made_of(prompt, image, edit, options, mask=mask)
        return self._wire.events(calls.streamed(call, previews))

    def canny(
        self, image: bytes, *, low_threshold: int | None = None, high_threshold: int | None = None
    ) -> Processed:
        """The edge map at the image's own size: PNG, one channel."""
        call = calls.stage(
            "canny", image, low_threshold=low_threshold, high_threshold=high_threshold
        )
        return self._wire.ask(call, answers.processed)

    def upscale(
        self, image: bytes, *, scale: int | None = None, output_format: str | None = None
    ) -> Processed:
        """The image, 2 or 4 times as wide and as high."""
        call = calls.stage("upscale", image, scale=scale, output_format=output_format)
        return self._wire.ask(call, answers.processed)

    def caption(self, image: bytes) -> Caption:
        """What is in the image."""
        return self._wire.ask(calls.stage("captions", image), answers.caption)

    def classify(self, image: bytes) -> Classification:
        """Which of the classifier's classes the image is of."""
        return self._wire.ask(calls.stage("classify", image), answers.classification)

    def models(self) -> tuple[str, ...]:
        """The values that the field `model` accepts."""
        return self._wire.ask(Call("GET", "/v1/models"), answers.models)

    def health(self) -> Health:
        """Whether every stage is up, without retries: raises Refused with status 503 if one is
        not."""
        return self._wire.ask(Call("GET", "/health"), answers.health, retries=0)

    def _make(
        self, call: Call, on_progress: Callable[[Progress], None] | None, previews: int
    ) -> Generation:
        if on_progress is None:
            return self._wire.ask(calls.once(call), answers.generation)
        completed = []
        for event in self._wire.events(calls.streamed(call, previews)):
            if isinstance(event, Completed):
                completed.append(event)
            else:
                on_progress(event)
        return events.generation(completed, call.fields.get("n", 1))
