"""By when a request is to be done, and by when its images have to be generated for that."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from serve_app.errors import (
    DeadlineUnmet,
    InvalidRequest,
    NeverInTime,
    ServiceError,
    TimedOut,
    operators,
)
from serve_app.messages import Terms

_RECENT = 0.2  # the weight of the last call in a stage's mean time
_TRIED = 1.5  # of the time limit: forecasts err, so what may be in time after all is tried


class Deadlines:
    """Of requests that have `limit_s` seconds, and often a deadline of their own."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._seconds: dict[str, float] = {}  # recent means

    @asynccontextmanager
    async def kept(self, finish_by: float | None) -> AsyncIterator[None]:
        """Raise TimedOut in the block when the limit or the deadline, in Unix seconds, passes."""
        limit, whose = self._limit_s, operators("limits.request_timeout_s")
        if finish_by is not None and finish_by - time.time() < limit:
            limit, whose = max(0.0, finish_by - time.time()), "the request's own deadline"
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError as error:
            raise TimedOut(f"not finished within {limit:.3g} s ({whose})") from error

    def took(self, stage: str, seconds: float) -> None:
        """What a stage after generation needed for an image."""
        before = self._seconds.get(stage, 0.0)
        self._seconds[stage] = before + _RECENT * (seconds - before)

    def of_generation(self, terms: Terms, after: Iterable[str]) -> Terms:
        """The terms with a deadline at any rate, so that what cannot be in time is refused at once.

        The client's own leaves time for the stages that come `after`, at the same time.
        """
        if terms.finish_by is None:
            return replace(terms, finish_by=time.time() + _TRIED * self._limit_s)
        return replace(terms, finish_by=terms.finish_by - self.seconds_of(after))

    def seconds_of(self, stages: Iterable[str]) -> float:
        """What these stages need for an image, at the same time."""
        return max((self._seconds.get(stage, 0.0) for stage in stages), default=0.0)

    def refusal(self, error: DeadlineUnmet, terms: Terms) -> ServiceError:
        """The generator's refusal, of a client that may know nothing of a deadline."""
        if terms.finish_by is not None:
            return error
        whose = operators("limits.request_timeout_s")
        limit = f"a request has {self._limit_s:g} s ({whose})"
        if isinstance(error, NeverInTime):
            return InvalidRequest(f"{error}, and {limit}: ask for fewer steps or fewer pixels")
        return DeadlineUnmet(f"{error}, and {limit}").after(error.retry_after_s)
