"""The spans of one image in the engine: its wait, and its steps."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from serve_app.tracing import BATCH_SIZE, Event, record

if TYPE_CHECKING:  # it imports torch
    from serve_app.denoise.batcher import Row


@asynccontextmanager
async def denoising_recorded(row: "Row") -> AsyncIterator[None]:
    """Around what follows a row: where the request is traced, its spans are made at the end.

    Few events: the first step, each in a batch of another size than the step before, the last.
    """
    try:
        yield
    except (Exception, asyncio.CancelledError, GeneratorExit) as error:
        _record(row, error)
        raise
    _record(row, None)


def _record(row: "Row", error: BaseException | None) -> None:
    ended = time.monotonic()  # the engine's clock
    if row.started is None:
        return record("queue generate", row.arrived, ended, error=error)
    record("queue generate", row.arrived, row.started)
    request = row.work.request
    attributes = {
        "gen_ai.output.type": "image",
        "gen_ai.request.seed": request.seed,
        "image.width": request.width,
        "image.height": request.height,
        "image.steps": row.work.steps,
    }
    record("denoise", row.started, ended, attributes, error, _steps(row, ended))


def _steps(row: "Row", ended: float) -> list[Event]:
    events = [_step(each.step, each.batch_size, each.moment) for each in row.batch_sizes]
    if row.batch_sizes and row.batch_sizes[-1].step < row.steps_done:
        events.append(_step(row.steps_done, row.batch_sizes[-1].batch_size, ended))
    return events


def _step(number: int, batch_size: int, moment: float) -> Event:
    return "step", moment, {"image.step": number, BATCH_SIZE: batch_size}
