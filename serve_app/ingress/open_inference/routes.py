"""HTTP routes of the Open Inference Protocol (KServe v2), which Triton's clients speak.

Only translates between bodies and the inference server. The protocol describes each model's
tensors at `/v2/models/{model}`, and `/openapi.json` what all have in common.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from serve_app.errors import InvalidRequest
from serve_app.ingress.json_body import check_values
from serve_app.ingress.open_inference import description, document
from serve_app.ingress.open_inference.body import LENGTH_HEADER, read_request, write_outputs
from serve_app.ingress.open_inference.description import VERSION, Described
from serve_app.ingress.open_inference.request import InferenceRequest, refusal
from serve_app.ingress.open_inference.server import InferenceServer
from serve_app.ingress.open_inference.tensors import Values

Handler = Callable[..., Any]

_NOT_OFFERED = {
    "/v2/systemsharedmemory/{rest:path}": "shared memory is not offered; send tensors themselves",
    "/v2/cudasharedmemory/{rest:path}": "shared memory is not offered; send tensors themselves",
    "/v2/repository/models/{rest:path}": "models are loaded and unloaded by the Serve file alone",
    "/v2/trace/setting": "tracing is set up by Ray Serve's own variables",
    "/v2/models/{name}/trace/setting": "tracing is set up by Ray Serve's own variables",
    "/v2/logging": "logging is set up by the Serve file alone",
}
"""Triton's other extensions: what each is told."""


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _version(request: Request) -> str:
    return str(request.path_params.get("version", VERSION))


# Read off the path: FastAPI would take the version of a path without one from the query.
Name = Annotated[str, Depends(_name)]
Version = Annotated[str, Depends(_version)]


def build_router(server: InferenceServer) -> APIRouter:
    """The routes over one inference server."""
    router = APIRouter(tags=["open inference protocol"], responses=document.errors())
    paths = {
        "/v2/models/{name}": document.path_of(server.names),
        "/v2/models/{name}/versions/{version}": document.path_of(server.names, VERSION),
    }

    def of_model(method: str, action: str = "", **options: Any) -> Callable[[Handler], Handler]:
        """Registers a handler at a model's path and at its version's."""

        def register(handler: Handler) -> Handler:
            for path, extra in paths.items():
                described = document.inference(extra) if action == "/infer" else extra
                router.add_api_route(
                    path + action, handler, methods=[method], openapi_extra=described, **options
                )
            return handler

        return register

    @router.get("/v2", response_model=document.Server)
    async def metadata_of_server() -> Described:
        """Server metadata."""
        return description.server()

    @router.get("/v2/health/live", response_model=document.Live)
    async def live() -> dict[str, bool]:
        """That this answers."""
        return {"live": True}

    @router.get("/v2/health/ready", response_model=document.Ready)
    async def ready() -> dict[str, bool]:
        """503 while a deployment has no running replica."""
        await server.require_ready()
        return {"ready": True}

    @router.post("/v2/repository/index", openapi_extra=document.INDEX_BODY)
    async def index(request: Request) -> list[document.IndexedModel]:
        """The models and whether each is ready; with `{"ready": true}` those that are."""
        wanted = _read_index(await request.body())
        return [document.IndexedModel(**each) for each in await server.index(wanted.ready)]

    # Before the models' own paths, of which it would be one.
    @router.get("/v2/models/stats", response_model=document.Statistics)
    async def statistics() -> Described:
        """What every model did, of this ingress replica since its start."""
        return server.statistics()

    @of_model("GET", "/stats", response_model=document.Statistics)
    async def statistics_of_model(name: Name, version: Version) -> Described:
        """What the model did, of this ingress replica since its start."""
        return server.statistics(name, version)

    @of_model("GET", response_model=document.ModelMetadata)
    async def metadata(name: Name, version: Version) -> Described:
        """The model's signature."""
        return await server.metadata(name, version)

    @of_model(
        "GET", "/config", response_model=document.ModelConfig, response_model_exclude_none=True
    )
    async def config(name: Name, version: Version) -> Described:
        """The model's configuration, in the terms of Triton's `ModelConfig`."""
        return await server.config(name, version)

    @of_model("GET", "/ready", response_model=document.ModelReady)
    async def model_ready(name: Name, version: Version) -> dict[str, Any]:
        """503 while one of the model's deployments has no running replica."""
        await server.require_model_ready(name, version)
        return {"name": name, "ready": True}

    @of_model("POST", "/infer", response_class=Response, responses=document.INFERRED)
    async def infer(request: Request, name: Name, version: Version) -> Response:
        """Run the model on every item of the request, concurrently."""
        read = partial(read_request, await request.body(), request.headers.get(LENGTH_HEADER))
        answer = await server.infer(name, version, read, partial(_response, name))
        response = answer.outputs
        response.headers.update(answer.timings.header)
        return response

    async def not_offered(request: Request) -> Response:
        raise InvalidRequest(_NOT_OFFERED[request.scope["route"].path])

    for path in _NOT_OFFERED:
        router.add_api_route(path, not_offered, methods=["GET", "POST"], include_in_schema=False)
    return router


def _response(name: str, values: dict[str, Values], request: InferenceRequest) -> Response:
    outputs, raw = write_outputs(values, request.outputs)
    answer = {"model_name": name, "model_version": VERSION, "outputs": outputs}
    if request.id is not None:
        answer["id"] = request.id
    header = json.dumps(answer).encode()
    if not raw:
        return Response(header, media_type="application/json")
    headers = {LENGTH_HEADER: str(len(header))}
    return Response(
        b"".join([header, *raw]), media_type="application/octet-stream", headers=headers
    )


def _read_index(body: bytes) -> document.IndexRequest:
    """Without a body, every model is asked for."""
    check_values(body)
    try:
        return document.IndexRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise refusal(error) from error
