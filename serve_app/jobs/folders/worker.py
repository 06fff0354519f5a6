"""One actor: runs a stage on blocks of rows, and records what is finished.

Rows travel as JSON, without pixels: a stage reads and writes files itself.
"""

import asyncio
import json
import logging
import os
import resource
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

from serve_app.errors import ServiceError
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Journal, Record
from serve_app.jobs.one_line import one_line

logger = logging.getLogger(__name__)

Row = dict[str, Any]
"""`key` names what becomes of it, `settings` is a hash of all that it depends on but the input."""


class Stage(Protocol):
    """What is done to a row, in an actor. Made once by `Stage(settings, gpu_share)`."""

    async def process(self, row: Row) -> Record:
        """What is to be told of it. Raises ServiceError and OSError for a row that cannot be."""
        ...

    def check(self) -> None:
        """Raises RuntimeError where this process is of no more use."""
        ...


class Worker:
    """Runs a stage on blocks of rows. One that cannot be loaded fails its rows, not the run."""

    def __init__(self, stage: Any, settings: Mapping[str, Any], journal: str) -> None:
        import ray

        self._node = socket.gethostname()
        self._journal = Journal(Place(journal))
        self._broken = ""
        self._stage: Stage | None = None
        share = ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0)
        try:
            self._stage = stage(settings, float(share))
        except Exception as error:
            logger.exception("the stage cannot be loaded")
            self._broken = f"the model cannot be loaded: {one_line(error)}"

    async def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        rows = [json.loads(row) for row in batch["row"]]
        told = await asyncio.gather(*map(self._told, rows))
        await asyncio.to_thread(self._journal.flush)
        return {"told": [json.dumps(each) for each in told]}

    async def _told(self, row: Row) -> Record:
        began = time.monotonic()
        try:
            if self._stage is None:
                return failed(row, self._broken)
            made = await self._stage.process(row)
            record = {
                **{name: row[name] for name in ("key", "settings", "name", "image")},
                **made,
                "total_s": time.monotonic() - began,
                "finished_at": time.time(),
                "node": self._node,
                **_memory(),
            }
            self._journal.write(record)
            return record
        except (ServiceError, OSError) as error:
            self._leave_if_hopeless()
            return failed(row, one_line(error))
        except Exception as error:
            logger.exception("a row failed")
            self._leave_if_hopeless()
            return failed(row, f"{type(error).__name__}: {one_line(error)}")

    def _leave_if_hopeless(self) -> None:
        """Let Ray start another actor, which does this one's rows again."""
        try:
            if self._stage is not None:
                self._stage.check()
        except RuntimeError:
            logger.exception("this actor is of no more use")
            os._exit(1)


def failed(row: Row, reason: str) -> Record:
    """What is told of a row that could not be."""
    return {"key": row["key"], "name": row["name"], "image": row["image"], "reason": reason}


def _memory() -> dict[str, float]:
    """Peaks of this process until now, in MB."""
    peaks = {"peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    torch: Any = sys.modules.get("torch")
    on_gpu = torch is not None and torch.cuda.is_initialized()
    return peaks | {"gpu_memory_mb": torch.cuda.max_memory_allocated() / 2**20 if on_gpu else 0.0}
