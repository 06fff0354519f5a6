"""A bounded number of slots, and when there will be a free one.

Kept at the door, because Serve's own `max_queued_requests` counts a request only once it waits for
a replica, and answers with a fixed `Retry-After`. Knows nothing of HTTP or replicas.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serve_app.errors import QueueFull, over

_MEMORY_S = 60.0


def share_of(limit: int, replicas: int, rank: int) -> int:
    """What one of `replicas` may admit of a limit that holds for all of them; at least 1.

    With ranks from 0 to `replicas - 1` the shares add up to the limit, unless it is the smaller.
    """
    each, left_over = divmod(limit, max(1, replicas))
    return max(1, each + (rank < left_over))


class Admission:
    """Bounds the images in progress, and measures how fast they are finished.

    `capacity` is asked at each admission, since it changes with the number of replicas that admit.
    """

    def __init__(
        self, capacity: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._capacity = capacity
        self.pending = 0
        self._clock = clock
        self._changed = clock()
        self._finished = self._busy_s = 0.0
        self._seconds_per_image = 1.0  # a guess, until the first ones are finished

    @property
    def capacity(self) -> int:
        """How many images may be in progress here now."""
        return self._capacity()

    @contextmanager
    def admitted(self, images: int = 1) -> Iterator[None]:
        """Hold places for as many images. Raises QueueFull at once where there are too few."""
        if self.pending + images > self.capacity:
            sent = f"{self.pending} images are in progress, which leaves no slot for {images} more"
            message = over(sent, self.capacity, "limits.max_pending_images")
            raise QueueFull(message).after(self.drained_in_s())
        self._change(images)
        try:
            yield
        except BaseException:
            self._change(-images)
            raise
        self._change(-images, finished=images)

    def drained_in_s(self) -> int:
        """Whole seconds until what is in progress now will be finished, at the measured rate."""
        return max(1, math.ceil(self.pending * self._seconds_per_image))

    @property
    def seconds_per_image(self) -> float | None:
        """At the measured rate; None before there is one."""
        return self._seconds_per_image if self._finished else None

    def _change(self, images: int, finished: int = 0) -> None:
        now = self._clock()
        if self.pending:
            self._busy_s += now - self._changed
        self._changed = now
        self.pending += images
        if not finished:
            return
        self._finished += finished
        self._seconds_per_image = self._busy_s / self._finished
        if self._busy_s > _MEMORY_S:  # forget slowly what is long ago
            self._busy_s /= 2
            self._finished /= 2
