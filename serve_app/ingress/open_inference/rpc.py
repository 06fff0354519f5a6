"""The Open Inference Protocol over gRPC, which Serve's gRPC proxy brings to the ingress.

The same models, limits, API keys and errors as over HTTP. What middleware does there is done here
for each call, and for each request of a stream.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode
from ray.serve.grpc_util import RayServegRPCContext
from tritonclient.grpc import service_pb2 as pb

from serve_app.config import AppArgs
from serve_app.errors import BodyTooLarge, Retryable, ServiceError, StageUnavailable
from serve_app.ingress.middleware.draining import Door
from serve_app.ingress.middleware.keys import is_known, no_key, read_hashes
from serve_app.ingress.open_inference import description
from serve_app.ingress.open_inference.description import VERSION
from serve_app.ingress.open_inference.rpc_messages import read_request, write_response
from serve_app.ingress.open_inference.rpc_proxy import METHODS
from serve_app.ingress.open_inference.server import Answer, InferenceServer
from serve_app.ingress.problems import status_of, surprise
from serve_app.observability import log_event, publish_request

_STREAM = "ModelStreamInfer"
_PROBES = {"ServerLive", "ServerReady"}  # as over HTTP: without a key, not logged
_OPEN_WHILE_DRAINING = {"ServerLive"}
_IN_STREAM = 32  # requests of one stream that are read before the first of them is answered
_CODES = {
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    429: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}
"""By HTTP status; the others are of requests that are wrong: INVALID_ARGUMENT."""

Refuse = Callable[[ServiceError], None]


class InferenceCalls:
    """Answers the protocol's calls."""

    def __init__(self, server: InferenceServer, args: AppArgs, door: Door) -> None:
        self._server, self._door = server, door
        self._max_bytes = args.limits.max_body_bytes
        self._hashes = read_hashes(args.auth) if args.auth is not None else None

    async def answer(self, method: str, request: Any, context: RayServegRPCContext) -> Message:
        """A response of the method's type; empty where the context's code says why."""
        response: Message | None = None
        answer = getattr(self, f"_{method}", None)
        if answer is None:
            _end(context, StatusCode.UNIMPLEMENTED, f"{method} is not offered")
        else:
            with self._guarded(method, request, context, partial(_refuse, context)):
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
            with self._guarded(_STREAM, request, context, refuse):
                answers = self._server.stream(*_inference(request))
                async with aclosing(answers):
                    async for answer in answers:
                        responses.put_nowait(_streamed(answer))
        finally:
            responses.put_nowait(None)

    @contextmanager
    def _guarded(
        self, method: str, request: Message, context: RayServegRPCContext, refuse: Refuse
    ) -> Iterator[None]:
        """Checks a request, logs and counts it; what is raised meanwhile goes to `refuse`."""
        began = time.perf_counter()
        status, entered = 0, False
        try:
            if self._hashes is not None and method not in _PROBES:
                metadata = dict(context.invocation_metadata())
                if not is_known(metadata.get("authorization", ""), self._hashes):
                    raise no_key()
            if method not in _OPEN_WHILE_DRAINING:
                self._door.enter()
                entered = True
            if request.ByteSize() > self._max_bytes:
                raise BodyTooLarge(f"the message is over {self._max_bytes} bytes")
            yield
            status = 200
        except ServiceError as error:
            status = status_of(error)
            refuse(error)
        except Exception:
            status = 500
            log_event("call failed", logging.ERROR, method=method)
            refuse(surprise())
        finally:
            if entered:
                self._door.leave()
            publish_request(method, status)
            if method not in _PROBES:
                seconds = time.perf_counter() - began
                answer = status or "none: the client left"
                log_event("response", method="gRPC", path=method, status=answer, seconds=seconds)

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


def _refuse(context: RayServegRPCContext, error: ServiceError) -> None:
    if isinstance(error, Retryable):
        context.set_trailing_metadata([("retry-after", str(error.retry_after_s))])
    _end(context, _CODES.get(status_of(error), StatusCode.INVALID_ARGUMENT), str(error))


def _end(context: RayServegRPCContext, code: StatusCode, details: str) -> None:
    """Not raised: Serve would log a traceback for every client's mistake."""
    context.set_code(code)
    context.set_details(details)
