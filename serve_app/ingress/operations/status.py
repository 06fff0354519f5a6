"""`GET /v1/status`: what is served and how busy it is, for people and dashboards."""

from fastapi import APIRouter

from serve_app.config import AppArgs
from serve_app.ingress.operations.schema import Status, WorkReport
from serve_app.ingress.problems import error_schema
from serve_app.ingress.replicas import Replicas
from serve_app.pipeline import Pipeline


def build_router(pipeline: Pipeline, args: AppArgs, replicas: Replicas) -> APIRouter:
    """A router with this one route. It always answers 200; `/health` is what fails.

    503 only where the state itself is unknown.
    """
    router = APIRouter(tags=["health"], responses={503: error_schema()[503]})

    @router.get("/v1/status")
    async def status() -> Status:
        """Deployments and their replicas; the work in progress at this ingress; the defaults."""
        return Status(
            model=args.models.generator.name,
            deployments=await replicas.reports(),
            work={
                kind: WorkReport(
                    pending=admission.pending,
                    capacity=admission.capacity,
                    seconds_per_image=admission.seconds_per_image,
                )
                for kind, admission in pipeline.work.items()
            },
            step_s=pipeline.step_s,
            defaults=args.defaults,
            limits=args.limits,
        )

    return router
