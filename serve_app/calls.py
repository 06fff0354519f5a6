"""A call to a stage: awaited, run again where its replica died, its errors translated to
ServiceError.

Every stage is a pure function of what it is given, so that running one again is safe.
What a stage refuses comes back as a value. What it raises comes as Ray's RayTaskError, or bare
where calls go by gRPC (`RAY_SERVE_USE_GRPC_BY_DEFAULT=1`): so whatever is raised here is told.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from grpc import StatusCode
from grpc.aio import AioRpcError
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from serve_app.errors import QueueFull, ServiceError, StageFailed, StageUnavailable
from serve_app.metrics.requests import RERUNS, errors_counted
from serve_app.observability import log_event
from serve_app.tracing import calling

_CONNECTION_LOST = {StatusCode.UNAVAILABLE, StatusCode.CANCELLED}
_END = object()
_LEAVING_S = 0.05


@dataclass(frozen=True)
class Called:
    """What a stage answered, and the reference under which another stage can read it."""

    reference: Any
    result: Any


async def call(stage: str, remote: Callable[[], Any]) -> Called:
    """Await `remote()`, once more where its replica was lost. Raises ServiceError only."""
    with errors_counted(stage):
        try:
            return await _call(stage, remote)
        except StageUnavailable:
            await _before_rerun(stage)
            return await _call(stage, remote)


async def stream(stage: str, remote: Callable[[], Any]) -> AsyncGenerator[Any]:
    """The items of `remote()`, from the start again where its replica was lost, once."""
    with errors_counted(stage):
        try:
            async with aclosing(_stream(stage, remote)) as items:
                async for item in items:
                    yield item
        except StageUnavailable:
            await _before_rerun(stage)
            async with aclosing(_stream(stage, remote)) as items:
                async for item in items:
                    yield item


async def together(calls: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The results in order; where one fails, the others are cancelled."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _before_rerun(stage: str) -> None:
    # Where the client left, the replica may be told before this task is: then it is cancelled here.
    await asyncio.sleep(_LEAVING_S)
    log_event("run again", stage=stage)
    RERUNS.add(stage=stage)


async def _call(stage: str, remote: Callable[[], Any]) -> Called:
    with calling(stage) as begin:
        with _answering(stage, partial(begin, remote)) as response:
            result = await response
        if isinstance(result, ServiceError):
            raise result
    return Called(response, result)


async def _stream(stage: str, remote: Callable[[], Any]) -> AsyncGenerator[Any]:
    with calling(stage) as begin:
        with _answering(stage, partial(begin, remote)) as response:
            items = aiter(response)
        try:
            while True:
                with _answering(stage, lambda: response):
                    item = await anext(items, _END)
                if item is _END:
                    return
                if isinstance(item, ServiceError):
                    raise item
                yield item
        except GeneratorExit:
            response.cancel()
            raise


@contextmanager
def _answering(stage: str, remote: Callable[[], Any]) -> Iterator[Any]:
    """The response of `remote()`; what is raised meanwhile is told in our own words."""
    response = None
    try:
        response = remote()
        yield response
    except asyncio.CancelledError as error:
        if not _asked_to_stop():  # the replica was stopped with the call in it
            raise _unavailable(stage, error) from error
        if response is not None:  # Ray lets a call go on that nobody awaits any more
            response.cancel()
        raise
    except Exception as error:
        ours = _as_service_errors(stage, error)
        raise ours from None if ours is error else error


def _asked_to_stop() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _as_service_errors(stage: str, error: Exception) -> ServiceError:
    match error:
        case RayTaskError(cause=ServiceError() as raised):
            return raised
        case ServiceError():
            return error
        case BackPressureError():
            return QueueFull(f"the queue of the stage {stage} is full")
        case RayTaskError():  # Serve has logged the traceback, in the replica
            log_event("stage failed", stage=stage, error=str(error))
        case RayError() | RayServeException():  # a lost replica, node or object
            return _unavailable(stage, error)
        case AioRpcError() if error.code() in _CONNECTION_LOST:
            return _unavailable(stage, error)
        case _:
            log_event("stage failed", logging.ERROR, stage=stage)
    return StageFailed(f"the stage {stage} failed")


def _unavailable(stage: str, error: BaseException) -> StageUnavailable:
    log_event("stage unavailable", stage=stage, error=type(error).__name__)
    return StageUnavailable(f"the stage {stage} is restarting")
