"""`GET /v1/status`: what is served and how busy it is, for people and dashboards."""

import asyncio
import time
from collections.abc import Callable

from fastapi import APIRouter
from ray import serve
from ray.serve.schema import ReplicaState, ServeStatus

from serve_app.config import AppArgs
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schemas import DeploymentReport, Status, WorkReport
from serve_app.pipeline import Pipeline

_FRESH_S = 1.0  # however many pages look, Serve's controller is asked once a second
_GONE = {ReplicaState.STOPPING, ReplicaState.STOPPED}


def build_router(
    pipeline: Pipeline,
    args: AppArgs,
    read: Callable[[], dict[str, DeploymentReport]] | None = None,
) -> APIRouter:
    """The one route. Answers 200 whatever the state: to find fault is `/health`'s task."""
    router = APIRouter(tags=["health"], responses={500: error_schema()[500]})
    known: dict[str, DeploymentReport] = {}
    known_until = 0.0
    one_reader = asyncio.Lock()

    async def deployments() -> dict[str, DeploymentReport]:
        nonlocal known, known_until
        async with one_reader:
            if time.monotonic() >= known_until:
                known = await asyncio.to_thread(read or read_own)
                known_until = time.monotonic() + _FRESH_S
        return known

    @router.get("/v1/status")
    async def status() -> Status:
        """Deployments and their replicas; the work in progress at this ingress; the defaults."""
        return Status(
            model=args.models.generator.name,
            deployments=await deployments(),
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


def read_deployments(status: ServeStatus, app_name: str) -> dict[str, DeploymentReport]:
    """One application's deployments. A replica counts as wanted unless it is being stopped."""
    return {
        name: DeploymentReport(
            status=deployment.status.value,
            running=deployment.replica_states.get(ReplicaState.RUNNING, 0),
            target=sum(n for state, n in deployment.replica_states.items() if state not in _GONE),
        )
        for name, deployment in status.applications[app_name].deployments.items()
    }


def read_own() -> dict[str, DeploymentReport]:
    """As `read_deployments`, of this replica's application; blocks until Serve answers."""
    # First, because outside a replica it raises, where asking for the status would start a Ray.
    app_name = serve.get_replica_context().app_name
    return read_deployments(serve.status(), app_name)
