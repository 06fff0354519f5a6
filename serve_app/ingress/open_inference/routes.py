"""Routes of the Open Inference Protocol (KServe v2), which Triton's clients speak, under `/v2`.

Only translates between tensors and pipeline calls. The protocol describes each model's
tensors at `/v2/models/{model}`, and `/openapi.json` what all have in common.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from serve_app import __version__
from serve_app.config import AppArgs
from serve_app.ingress.open_inference import document
from serve_app.ingress.open_inference.body import LENGTH_HEADER, read_request, write_outputs
from serve_app.ingress.open_inference.models import InferenceModel, build_models
from serve_app.ingress.open_inference.tensors import TensorSpec
from serve_app.ingress.replicas import Replicas, require_running
from serve_app.pipeline import Pipeline

Handler = Callable[..., Any]
_VERSION = "1"  # the only version of every model


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _version(request: Request) -> str:
    return str(request.path_params.get("version", _VERSION))


# Read off the path: FastAPI would take the version of a path without one from the query.
Name = Annotated[str, Depends(_name)]
Version = Annotated[str, Depends(_version)]


def build_router(pipeline: Pipeline, args: AppArgs, replicas: Replicas) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["open inference protocol"], responses=document.errors())
    models = build_models(pipeline, args)
    paths = {
        "/v2/models/{name}": document.path_of(list(models)),
        "/v2/models/{name}/versions/{version}": document.path_of(list(models), _VERSION),
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

    def found(name: str, version: str) -> InferenceModel:
        if name not in models or version != _VERSION:
            raise HTTPException(404, f"there is no such model or version; here is {list(models)}")
        return models[name]

    async def described(name: str, version: str) -> InferenceModel:
        model = found(name, version)
        if "Classifier" in model.deployments:
            return model.sized(await pipeline.describe_classifier())
        return model

    @router.get("/v2", response_model=document.Server)
    async def server() -> dict[str, Any]:
        """Server metadata."""
        return {
            "name": "image-generation",
            "version": __version__,
            "extensions": ["binary_tensor_data"],
        }

    @router.get("/v2/health/live", response_model=document.Live)
    async def live() -> dict[str, bool]:
        """That this answers."""
        return {"live": True}

    @router.get("/v2/health/ready", response_model=document.Ready)
    async def ready() -> dict[str, bool]:
        """503 while a deployment has no running replica."""
        require_running(await replicas.reports())
        return {"ready": True}

    @of_model("GET", response_model=document.ModelMetadata)
    async def metadata(name: Name, version: Version) -> dict[str, Any]:
        """The model's signature."""
        model = await described(name, version)
        return {
            "name": name,
            "versions": [_VERSION],
            "platform": "ray_serve",
            "inputs": [_signature(spec) for spec in model.inputs],
            "outputs": [_signature(spec) for spec in model.outputs],
        }

    @of_model("GET", "/ready", response_model=document.ModelReady)
    async def model_ready(name: Name, version: Version) -> dict[str, Any]:
        """503 while one of the model's deployments has no running replica."""
        needed = found(name, version).deployments
        require_running(await replicas.reports(), needed)
        return {"name": name, "ready": True}

    @of_model("POST", "/infer", response_class=Response, responses=document.INFERRED)
    async def infer(request: Request, name: Name, version: Version) -> Response:
        """Run the model on every item of the request, concurrently."""
        model = await described(name, version)
        asked = await asyncio.to_thread(  # parsing megabytes of JSON takes a while
            read_request,
            await request.body(),
            request.headers.get(LENGTH_HEADER),
            model.inputs,
            model.outputs,
            args.limits.max_batch_items,
        )
        values, timings = await model.infer(asked.inputs)
        outputs, raw = await asyncio.to_thread(write_outputs, values, asked.outputs)
        answer = {"model_name": name, "model_version": _VERSION, "outputs": outputs}
        if asked.id is not None:
            answer["id"] = asked.id
        header = json.dumps(answer).encode()
        headers = timings.header
        if raw:
            headers[LENGTH_HEADER] = str(len(header))
        media_type = "application/octet-stream" if raw else "application/json"
        return Response(header + raw, media_type=media_type, headers=headers)

    return router


def _signature(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}
