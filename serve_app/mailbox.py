"""Events of a stream that its reader has not consumed yet.

Bounded however slowly it reads: of an image's progress only the latest is kept, besides its
previews, of which there are a few, and its finish.
"""

import asyncio
from collections.abc import AsyncGenerator, Hashable
from typing import Any

from serve_app.errors import StageUnavailable


class Mailbox:
    """Filled by one task, read by another; ends when the first one does, however that ends."""

    def __init__(self) -> None:
        self._unread: dict[Hashable, Any] = {}
        self._changed = asyncio.Event()
        self._writer: asyncio.Task[Any] | None = None

    def put(self, item: Any, *replacing: Hashable) -> None:
        """Add an item, in place of an unread one that was put with the same `replacing`, if any."""
        key = replacing or id(item)
        self._unread.pop(key, None)
        self._unread[key] = item
        self._changed.set()

    def close(self, writer: "asyncio.Task[Any]") -> None:
        """To be called when the task that fills it is done."""
        self._writer = writer
        if not writer.cancelled():
            writer.exception()  # seen, also where nobody reads any more
        self._changed.set()

    async def read(self) -> AsyncGenerator[Any]:
        """The items in their order, then what the writer raised."""
        while True:
            await self._changed.wait()
            while self._unread:
                yield self._unread.pop(next(iter(self._unread)))
            if self._writer is not None:
                if self._writer.cancelled():
                    raise StageUnavailable("the work was stopped")
                self._writer.result()
                return
            self._changed.clear()
