"""Whose turn it is: a bounded number of images at once, shared fairly between owners.

The next is of the owner who has the fewest images in progress, and among an owner's the one that
has waited longest; each point of priority counts as ten seconds, as everywhere.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_SECONDS_A_POINT = 10.0


@dataclass(eq=False)
class Ticket:
    """A place in the queue."""

    owner: str
    images: int
    priority: int = 0
    since: float = field(init=False)
    begins: asyncio.Future[None] = field(init=False, default_factory=asyncio.Future)

    def __post_init__(self) -> None:
        self.since = time.monotonic() - self.priority * _SECONDS_A_POINT


class Turns:
    """Used by one event loop. None has more `images` than there may be at once."""

    def __init__(self, images: int) -> None:
        self._limit = images
        self._waiting: list[Ticket] = []
        self._running: Counter[str] = Counter()

    @asynccontextmanager
    async def taken(self, ticket: Ticket) -> AsyncIterator[None]:
        """Wait for a ticket's turn, and hold it."""
        self._waiting.append(ticket)
        self._begin()
        try:
            await ticket.begins
            yield
        finally:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            else:
                self._running[ticket.owner] -= ticket.images
            self._begin()

    def ahead(self, ticket: Ticket) -> tuple[int, int]:
        """How many tickets wait before this one, and how many images run or wait before it."""
        before = [each for each in self._waiting if self._order(each) < self._order(ticket)]
        return len(before), self._running.total() + sum(each.images for each in before)

    @property
    def images(self) -> int:
        """In progress and waiting."""
        return self._running.total() + sum(ticket.images for ticket in self._waiting)

    def _order(self, ticket: Ticket) -> tuple[int, float]:
        return self._running[ticket.owner], ticket.since

    def _begin(self) -> None:
        while waiting := [each for each in self._waiting if not each.begins.cancelled()]:
            # Strictly in order: a large one is not passed over for ever by small ones.
            first = min(waiting, key=self._order)
            if self._running.total() + first.images > self._limit:
                return
            self._waiting.remove(first)
            self._running[first.owner] += first.images
            first.begins.set_result(None)
