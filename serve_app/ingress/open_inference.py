"""Routes of the Open Inference Protocol (KServe v2), which Triton's clients speak, under `/v2`.

Only translates: tensors to what the pipeline takes, and back. Left out of `/openapi.json`, because
the protocol describes itself, at `/v2/models/{model}`.
"""

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from serve_app import __version__
from serve_app.config import AppArgs
from serve_app.ingress import health
from serve_app.ingress.open_inference_body import LENGTH_HEADER, read_request, write_outputs
from serve_app.ingress.open_inference_models import InferenceModel, build_models
from serve_app.ingress.replicas import Replicas
from serve_app.ingress.tensors import TensorSpec
from serve_app.observability import server_timing
from serve_app.pipeline import Pipeline

_VERSION = "1"  # of every model: there is one at a time


def build_router(pipeline: Pipeline, args: AppArgs, replicas: Replicas) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(include_in_schema=False)
    models = build_models(pipeline, args)

    def found(name: str, version: str) -> InferenceModel:
        if name not in models or version != _VERSION:
            raise HTTPException(404, f"there is no such model or version; here is {list(models)}")
        return models[name]

    async def described(name: str, version: str) -> InferenceModel:
        model = found(name, version)
        if "Classifier" in model.deployments:
            return model.sized(await pipeline.describe_classifier())
        return model

    @router.get("/v2")
    async def server() -> dict[str, Any]:
        """What this is."""
        return {
            "name": "image-generation",
            "version": __version__,
            "extensions": ["binary_tensor_data"],
        }

    @router.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @router.get("/v2/health/ready")
    async def ready() -> dict[str, bool]:
        """503 while a deployment has no running replica."""
        health.require_running(await replicas.reports())
        return {"ready": True}

    @router.get("/v2/models/{name}")
    @router.get("/v2/models/{name}/versions/{version}")
    async def metadata(name: str, version: str = _VERSION) -> dict[str, Any]:
        """The model's signature."""
        model = await described(name, version)
        return {
            "name": name,
            "versions": [_VERSION],
            "platform": "ray_serve",
            "inputs": [_signature(spec) for spec in model.inputs],
            "outputs": [_signature(spec) for spec in model.outputs],
        }

    @router.get("/v2/models/{name}/ready")
    @router.get("/v2/models/{name}/versions/{version}/ready")
    async def model_ready(name: str, version: str = _VERSION) -> dict[str, Any]:
        """503 while one of the model's deployments has no running replica."""
        needed = found(name, version).deployments
        health.require_running(await replicas.reports(), needed)
        return {"name": name, "ready": True}

    @router.post("/v2/models/{name}/infer")
    @router.post("/v2/models/{name}/versions/{version}/infer")
    async def infer(request: Request, name: str, version: str = _VERSION) -> Response:
        """Run the model once for every item of its batch, side by side."""
        model = await described(name, version)
        asked = await asyncio.to_thread(  # a tensor of megabytes of JSON takes a while
            read_request,
            await request.body(),
            request.headers.get(LENGTH_HEADER),
            model.inputs,
            model.outputs,
            args.limits.max_batch_items,
        )
        values, seconds = await model.infer(asked.inputs)
        outputs, raw = await asyncio.to_thread(write_outputs, values, asked.outputs)
        answer = {"model_name": name, "model_version": _VERSION, "outputs": outputs}
        if asked.id is not None:
            answer["id"] = asked.id
        header = json.dumps(answer).encode()
        headers = {"Server-Timing": server_timing(seconds)}
        if raw:
            headers[LENGTH_HEADER] = str(len(header))
        media_type = "application/octet-stream" if raw else "application/json"
        return Response(header + raw, media_type=media_type, headers=headers)

    return router


def _signature(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}
