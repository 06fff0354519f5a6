"""The Open Inference Protocol over gRPC, which Serve's gRPC proxy brings to the ingress.

The same models, limits, API keys and errors as over HTTP.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode
from ray.serve.grpc_util import RayServegRPCContext
from tritonclient.grpc import service_pb2 as pb

from serve_app.config import AppArgs
from serve_app.errors import ServiceError, StageUnavailable
from serve_app.ingress.middleware.draining import Door
from serve_app.ingress.open_inference import description
from serve_app.ingress.open_inference.description import VERSION
from serve_app.ingress.open_inference.rpc_checks import Entrance, end, end_with, refusing
from serve_app.ingress.open_inference.rpc_messages import read_request, write_response
from serve_app.ingress.open_inference.rpc_proxy import METHODS
from serve_app.ingress.open_inference.server import Answer, InferenceServer

_STREAM = "ModelStreamInfer"
_IN_STREAM = 32  # requests of one stream that are read before the first of them is answered


class InferenceCalls:
    """Answers the protocol's calls."""

    def __init__(self, server: InferenceServer, args: AppArgs, door: Door) -> None:
        self._server = server
        self._entrance = Entrance(args, door)

    async def answer(self, method: str, request: Any, context: RayServegRPCContext) -> Message:
        """A response of the method's type; empty where the context's code says why."""
        response: Message | None = None
        answer = getattr(self, f"_{method}", None)
        if answer is None:
            end(context, StatusCode.UNIMPLEMENTED, f"{method} is not offered")
        else:
            refused = refusing(method, partial(end_with, context))
            with refused, self._entrance.admitted(method, request, context):
                response = await answer(request, context)
        if response is None:
            return GetMessageClass(METHODS[method].output_type)()
        return response

    async def stream(
        self, requests: AsyncIterator[Any], context: RayServegRPCContext
    ) -> AsyncGenerator[Message]:
        """The responses to a stream of inferences, which run concurrently, in their order.

        An error is the response to its request, and the stream goes on.
        """
        line: asyncio.Queue[asyncio.Queue[Message | None] | None] = asyncio.Queue()
        room = asyncio.Semaphore(_IN_STREAM)
        tasks = set()

        async def read() -> None:
            try:
                await room.acquire()
                async for request in requests:
                    responses: asyncio.Queue[Message | None] = asyncio.Queue()
                    line.put_nowait(responses)
                    tasks.add(asyncio.create_task(self._respond(request, context, responses)))
                    await room.acquire()
            finally:
                line.put_nowait(None)

        tasks.add(asyncio.create_task(read()))
        try:
            while (responses := await line.get()) is not None:
                while (response := await responses.get()) is not None:
                    yield response
                room.release()
        finally:
            for task in tasks:
                task.cancel()

    async def _respond(
        self,
        request: Any,
        context: RayServegRPCContext,
        responses: "asyncio.Queue[Message | None]",
    ) -> None:
        def refuse(error: ServiceError) -> None:
            failed = pb.ModelInferResponse(id=request.id)
            text = str(error)
            responses.put_nowait(
                pb.ModelStreamInferResponse(error_message=text, infer_response=failed)
            )

        try:
            with refusing(_STREAM, refuse), self._entrance.admitted(_STREAM, request, context):
                answers = self._server.stream(*_inference(request))
                async with aclosing(answers):
                    async for answer in answers:
                        responses.put_nowait(_streamed(answer))
        finally:
            responses.put_nowait(None)

    # The methods, by their names in the protocol; `getattr` finds them.

    async def _ServerLive(self, request: Any, context: RayServegRPCContext) -> Message:
        return pb.ServerLiveResponse(live=True)

    async def _ServerReady(self, request: Any, context: RayServegRPCContext) -> Message:
        try:
            await self._server.require_ready()
        except StageUnavailable:
            return pb.ServerReadyResponse(ready=False)
        return pb.ServerReadyResponse(ready=True)

    async def _ModelReady(self, request: Any, context: RayServegRPCContext) -> Message:
        try:
            await self._server.require_model_ready(*_asked(request))
        except StageUnavailable:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def _ServerMetadata(self, request: Any, context: RayServegRPCContext) -> Message:
        return ParseDict(description.server(), pb.ServerMetadataResponse())

    async def _ModelMetadata(self, request: Any, context: RayServegRPCContext) -> Message:
        metadata = await self._server.metadata(*_asked(request))
        return ParseDict(metadata, pb.ModelMetadataResponse())

    async def _ModelConfig(self, request: Any, context: RayServegRPCContext) -> Message:
        config = await self._server.config(*_asked(request))
        return ParseDict({"config": config}, pb.ModelConfigResponse())

    async def _ModelStatistics(self, request: Any, context: RayServegRPCContext) -> Message:
        name, version = _asked(request)
        statistics = self._server.statistics(name or None, version)
        return ParseDict(statistics, pb.ModelStatisticsResponse())

    async def _RepositoryIndex(self, request: Any, context: RayServegRPCContext) -> Message:
        models = await self._server.index(request.ready)
        return ParseDict({"models": models}, pb.RepositoryIndexResponse())

    async def _ModelInfer(self, request: Any, context: RayServegRPCContext) -> Message:
        answer = await self._server.infer(*_inference(request))
        context.set_trailing_metadata([("server-timing", str(answer.timings))])
        return answer.outputs


class InferenceService:
    """The methods by which Serve's gRPC proxy finds the calls: a deployment's own class has them.

    Each of the protocol's, so that what is not offered is refused in its words.
    """

    calls: InferenceCalls

    async def ModelStreamInfer(
        self, requests: AsyncIterator[Any], grpc_context: RayServegRPCContext
    ) -> AsyncGenerator[Message]:
        async with aclosing(self.calls.stream(requests, grpc_context)) as responses:
            async for response in responses:
                yield response


def _unary(name: str) -> Callable[..., Any]:
    async def method(
        self: InferenceService, request: Any, grpc_context: RayServegRPCContext
    ) -> Message:
        return await self.calls.answer(name, request, grpc_context)

    method.__name__ = name
    return method


for _method in set(METHODS) - {_STREAM}:
    setattr(InferenceService, _method, _unary(_method))


def _asked(request: Any) -> tuple[str, str]:
    """Name and version; without a version it is the only one."""
    return request.name, request.version or VERSION


def _inference(request: Any) -> tuple[str, str, Any, Any]:
    """What the server's `infer` and `stream` take."""
    name = request.model_name
    read, write = partial(read_request, request), partial(write_response, name)
    return name, request.model_version or VERSION, read, write


def _streamed(answer: Answer[pb.ModelInferResponse]) -> Message:
    response = answer.outputs
    response.parameters["triton_final_response"].bool_param = answer.preview is None
    if answer.preview is not None:
        response.parameters["partial_image_index"].int64_param = answer.preview
    return pb.ModelStreamInferResponse(infer_response=response)
