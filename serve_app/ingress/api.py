"""The HTTP API: one FastAPI application over one pipeline."""

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from serve_app import __version__
from serve_app.config import AppArgs
from serve_app.ingress import document, problems, unknown_fields
from serve_app.ingress.controlnet import routes as controlnet
from serve_app.ingress.docs import routes as docs
from serve_app.ingress.files import routes as file_routes
from serve_app.ingress.files.store import FileStore
from serve_app.ingress.gauges import keep_gauges
from serve_app.ingress.jobs import routes as job_routes
from serve_app.ingress.jobs.calls import JobCalls
from serve_app.ingress.metrics import routes as metrics
from serve_app.ingress.middleware.body import BoundedBody
from serve_app.ingress.middleware.compressed import Compressed
from serve_app.ingress.middleware.draining import Door, Draining
from serve_app.ingress.middleware.keys import KeyCheck, read_hashes
from serve_app.ingress.middleware.logged import LoggedRequests
from serve_app.ingress.middleware.origins import OriginCheck
from serve_app.ingress.middleware.paths import LenientPaths
from serve_app.ingress.middleware.slow_readers import StatedWriteTimeout
from serve_app.ingress.open_inference import routes as open_inference
from serve_app.ingress.open_inference.rpc import InferenceCalls, InferenceService
from serve_app.ingress.open_inference.server import InferenceServer
from serve_app.ingress.openai import routes as openai
from serve_app.ingress.openai.answering import Answering
from serve_app.ingress.operations import health, status
from serve_app.ingress.replicas import Replicas
from serve_app.ingress.replies import Replies
from serve_app.ingress.share import IngressReplicas
from serve_app.ingress.stages import routes as stages
from serve_app.ingress.studio import routes as studio
from serve_app.ingress.webui import routes as webui
from serve_app.observability import log_event
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages


def build_api(
    pipeline: Pipeline,
    args: AppArgs,
    replicas: Replicas,
    server: InferenceServer,
    door: Door,
    jobs: JobCalls | None = None,
) -> ASGIApp:
    """Build the FastAPI application around what talks to Ray, so that tests need no Ray."""
    files = FileStore(args.files) if args.files is not None else None
    replies = Replies(Answering(pipeline, args, files), args, jobs)
    routers = (
        controlnet.build_router(args, replies),
        openai.build_router(pipeline, args, replies),
        file_routes.build_router(files),
        job_routes.build_router(jobs),
        stages.build_router(pipeline, args),
        open_inference.build_router(server),
        *webui.build_routers(pipeline, args),
        health.build_router(replicas),
        status.build_router(pipeline, args, replicas),
        *metrics.build_routers(args),
        studio.build_router(),
        *docs.build_routers(),
    )
    app = FastAPI(
        title="Image generation on Ray Serve",
        version=__version__,
        description="ControlNet / Stable Diffusion generation, upscaling and captioning.",
        redirect_slashes=False,
        generate_unique_id_function=document.operation_id,
        docs_url=None,  # FastAPI's pages load their files from other hosts
        redoc_url=None,
        # Its spans would begin at the client's header, beside Serve's and not below them.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    routes = [route for router in routers for route in router.routes]
    problems.install(app, routes)
    app.add_middleware(Compressed)
    app.add_middleware(LenientPaths)
    app.add_middleware(BoundedBody, limits=args.limits)
    if args.auth is not None:
        app.add_middleware(KeyCheck, hashes=read_hashes(args.auth))
    app.add_middleware(Draining, door=door)
    if args.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=args.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=[
                "X-Request-ID",
                "Server-Timing",
                "Retry-After",
                "Location",
                "Preference-Applied",
                "traceresponse",
                unknown_fields.HEADER,
            ],
        )
    app.add_middleware(StatedWriteTimeout, seconds=args.limits.write_timeout_s)
    app.add_middleware(OriginCheck, args=args)
    app.add_middleware(LoggedRequests, routes=routes)
    for router in routers:
        app.include_router(router)
    document.complete(app, args)
    return app


@serve.deployment
@serve.ingress()
class Ingress(InferenceService):
    """Checks requests, encodes images and answers; runs no model."""

    def __init__(
        self,
        args: AppArgs,
        canny: DeploymentHandle,
        generator: DeploymentHandle,
        upscaler: DeploymentHandle,
        captioner: DeploymentHandle,
        classifier: DeploymentHandle,
        jobs: DeploymentHandle | None = None,
    ) -> None:
        self._args = args
        self._jobs = JobCalls(jobs) if jobs is not None else None
        stages = Stages(canny, generator, upscaler, captioner, classifier)
        self._pipeline = Pipeline(stages, args.limits, IngressReplicas().share)
        self._replicas = Replicas()
        self._door = Door()
        self._server = InferenceServer(self._pipeline, args, self._replicas)
        self.calls = InferenceCalls(self._server, args, self._door)
        keep_gauges(self._pipeline)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        log_event("set-up", model=self._args.models.generator.name, version=__version__)
        return build_api(
            self._pipeline, self._args, self._replicas, self._server, self._door, self._jobs
        )

    async def drain(self, within_s: float) -> tuple[int, int]:
        """Refuse new requests and wait for those in progress: how many were answered, and not."""
        log_event("draining", in_progress=self._door.inside, within=within_s)
        answered, left = await self._door.drain(within_s)
        log_event("drained", answered=answered, given_up=left)
        return answered, left
