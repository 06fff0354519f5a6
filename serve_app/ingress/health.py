"""`GET /health`: whether every stage has a replica that can take work."""

import asyncio

from fastapi import APIRouter
from ray import serve
from ray.serve.schema import ReplicaState, ServeStatus

from serve_app.errors import StageUnavailable
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schemas import Health, StageHealth


def build_router() -> APIRouter:
    """The one route. Answers 503 while a stage has no running replica."""
    router = APIRouter(tags=["health"], responses={503: error_schema()[503]})

    @router.get("/health")
    async def health() -> Health:
        """Each stage's state and running replicas, as Serve sees them."""
        app_name = serve.get_replica_context().app_name
        return read_health(await asyncio.to_thread(serve.status), app_name)

    return router


def read_health(status: ServeStatus, app_name: str) -> Health:
    """One application's stages. Raises StageUnavailable while one has no running replica."""
    stages = {
        name: StageHealth(
            status=deployment.status.value,
            replicas=deployment.replica_states.get(ReplicaState.RUNNING, 0),
        )
        for name, deployment in status.applications[app_name].deployments.items()
    }
    down = [name for name, stage in stages.items() if stage.replicas == 0]
    if down:
        raise StageUnavailable(f"starting: {', '.join(down)}")
    return Health(status="ok", stages=stages)
