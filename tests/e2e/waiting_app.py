"""A small Serve application behind the real door: requests that take as long as they ask for."""

import asyncio

from pydantic import BaseModel
from ray import serve
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from serve_app.ingress.middleware.draining import Door, Draining


class Arguments(BaseModel, extra="forbid"):
    fail: str = ""
    version: str = "1"


@serve.deployment
class Waiter:
    """Answers a call after `seconds`, with the version that it was deployed as."""

    def __init__(self, arguments: Arguments) -> None:
        if arguments.fail:
            raise ValueError(arguments.fail)
        self._version = arguments.version

    async def __call__(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return self._version


@serve.deployment
@serve.ingress()
class Front:
    """`/wait/{seconds}` and `/stream/{seconds}`, a line every tenth of a second."""

    def __init__(self, waiter) -> None:
        self._waiter = waiter
        self._door = Door()

    def __serve_build_asgi_app__(self):
        async def wait(request: Request) -> Response:
            return PlainTextResponse(await self._waiter.remote(request.path_params["seconds"]))

        async def stream(request: Request) -> Response:
            async def lines():
                for _ in range(int(request.path_params["seconds"] * 10)):
                    await asyncio.sleep(0.1)
                    yield "line\n"
                yield "last\n"

            return StreamingResponse(lines())

        async def large(request: Request) -> Response:
            return PlainTextResponse("x" * request.path_params["size"])

        return Starlette(
            routes=[
                Route("/health", lambda request: PlainTextResponse("ok")),
                Route("/wait/{seconds:float}", wait),
                Route("/stream/{seconds:float}", stream),
                Route("/large/{size:int}", large),
            ],
            middleware=[Middleware(Draining, door=self._door)],
        )

    async def drain(self, within_s: float) -> tuple[int, int]:
        return await self._door.drain(within_s)


def build(arguments: Arguments) -> serve.Application:
    return Front.bind(Waiter.bind(arguments))
