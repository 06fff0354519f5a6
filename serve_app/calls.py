"""A call to a stage: awaited, run again where its replica died, its errors told in our own words.

Every stage is a pure function of what it is given, so that running one again is safe.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from serve_app.errors import QueueFull, ServiceError, StageFailed, StageUnavailable
from serve_app.observability import count_rerun, log_event, publish_stage


@dataclass(frozen=True)
class Called:
    """What a stage answered, and the reference under which another stage can read it."""

    reference: Any
    result: Any


async def call(stage: str, remote: Callable[[], Any]) -> Called:
    """Await `remote()`, once more where its replica was lost. Raises ServiceError only."""
    try:
        return await _call(stage, remote())
    except StageUnavailable:
        count_rerun(stage)
        return await _call(stage, remote())


async def stream(stage: str, remote: Callable[[], Any]) -> AsyncGenerator[Any]:
    """The items of `remote()`, from the start again where its replica was lost, once."""
    try:
        async for item in _stream(stage, remote()):
            yield item
    except StageUnavailable:
        count_rerun(stage)
        async for item in _stream(stage, remote()):
            yield item


async def together(calls: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The results in order; where one fails, the others are cancelled."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _call(stage: str, response: Any) -> Called:
    with _in_our_words(stage), _cancelled_with_its_caller(response):
        result = await response
    if isinstance(result, ServiceError):
        raise result
    if report := getattr(result, "report", None):  # a mere description took no work
        publish_stage(report)
    return Called(response, result)


async def _stream(stage: str, response: Any) -> AsyncGenerator[Any]:
    with _in_our_words(stage), _cancelled_with_its_caller(response):
        async for item in response:
            if isinstance(item, ServiceError):
                raise item
            yield item


@contextmanager
def _cancelled_with_its_caller(response: Any) -> Iterator[None]:
    """Ray itself lets a call go on that nobody awaits any more."""
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        response.cancel()
        raise


@contextmanager
def _in_our_words(stage: str) -> Iterator[None]:
    try:
        yield
    except BackPressureError as error:
        raise QueueFull(f"the queue of the stage {stage} is full") from error
    except RayTaskError as error:
        log_event("stage failed", stage=stage, error=str(error))
        raise StageFailed(f"the stage {stage} failed") from error
    except (RayError, RayServeException) as error:  # a lost replica, node or object
        log_event("stage unavailable", stage=stage, error=type(error).__name__)
        raise StageUnavailable(f"the stage {stage} is restarting") from error
