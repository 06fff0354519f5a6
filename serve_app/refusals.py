"""A ServiceError crosses replicas as a value, because Serve logs a traceback for what is raised."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from typing import ParamSpec, TypeVar

from serve_app.errors import ServiceError

P = ParamSpec("P")
R = TypeVar("R")


def refusal_as_value(call: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R | ServiceError]]:
    """Make `call` return a ServiceError instead of raising it; the pipeline raises it again.

    Serve logs a traceback for whatever is raised in a replica, and a client's broken image should
    not fill the log of a service that works.
    """

    @wraps(call)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> R | ServiceError:
        try:
            return await call(*args, **kwargs)
        except ServiceError as error:
            return error.with_traceback(None)

    return answered


def refusal_as_last_item(
    stream: Callable[P, AsyncGenerator[R]],
) -> Callable[P, AsyncGenerator[R | ServiceError]]:
    """As `refusal_as_value`, for a stream: a ServiceError ends it as its last item."""

    @wraps(stream)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[R | ServiceError]:
        try:
            async with aclosing(stream(*args, **kwargs)) as items:
                async for item in items:
                    yield item
        except ServiceError as error:
            yield error.with_traceback(None)

    return answered
