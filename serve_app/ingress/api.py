"""The HTTP face: one FastAPI application over one pipeline."""

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from serve_app import __version__
from serve_app.config import AppArgs
from serve_app.ingress import (
    docs,
    generation,
    health,
    open_inference,
    problems,
    stages,
    status,
    studio,
)
from serve_app.ingress.body import BoundedBody
from serve_app.ingress.keys import KeyCheck, read_hashes
from serve_app.ingress.logged import LoggedRequests
from serve_app.observability import log_event
from serve_app.pipeline import Pipeline, Stages


def build_api(pipeline: Pipeline, args: AppArgs) -> ASGIApp:
    """The FastAPI application; takes the pipeline, so that it runs in a test without Ray."""
    app = FastAPI(
        title="Image generation on Ray Serve",
        version=__version__,
        description="ControlNet / Stable Diffusion generation, upscaling and captioning.",
        redirect_slashes=False,
        docs_url=None,  # FastAPI's pages load their files from other hosts
        redoc_url=None,
    )
    problems.install(app)
    app.add_middleware(BoundedBody, limits=args.limits)
    if args.auth is not None:
        app.add_middleware(KeyCheck, hashes=read_hashes(args.auth))
    if args.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=args.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-ID", "Server-Timing", "Retry-After"],
        )
    app.add_middleware(LoggedRequests)
    app.include_router(generation.build_router(pipeline, args))
    app.include_router(stages.build_router(pipeline, args))
    app.include_router(open_inference.build_router(pipeline, args))
    app.include_router(health.build_router())
    app.include_router(status.build_router(pipeline, args))
    app.include_router(studio.build_router())
    app.include_router(docs.build_router())
    return app


@serve.deployment
@serve.ingress()
class Ingress:
    """Checks requests and answers them; never computes on pixels itself."""

    def __init__(
        self,
        args: AppArgs,
        canny: DeploymentHandle,
        generator: DeploymentHandle,
        upscaler: DeploymentHandle,
        captioner: DeploymentHandle,
        classifier: DeploymentHandle,
    ) -> None:
        self._args = args
        stages = Stages(canny, generator, upscaler, captioner, classifier)
        self._pipeline = Pipeline(stages, args.limits)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        log_event("set-up", model=self._args.models.generator.name, version=__version__)
        return build_api(self._pipeline, self._args)
