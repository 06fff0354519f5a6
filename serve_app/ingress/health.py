"""`GET /health`: whether every stage has a replica that can take work."""

import asyncio

from fastapi import APIRouter, Response
from ray import serve
from ray.serve.schema import ReplicaState, ServeStatus

from serve_app.ingress.schemas import Health, StageHealth


def build_router() -> APIRouter:
    """The one route. Answers 503 while a stage has no running replica."""
    router = APIRouter(tags=["health"])

    @router.get("/health", responses={503: {"model": Health}})
    async def health(response: Response) -> Health:
        """Each stage's state and running replicas, as Serve sees them."""
        app_name = serve.get_replica_context().app_name
        state = read_health(await asyncio.to_thread(serve.status), app_name)
        if state.status != "ok":
            response.status_code = 503
            response.headers["Retry-After"] = "5"
        return state

    return router


def read_health(status: ServeStatus, app_name: str) -> Health:
    """What Serve's status says of one application's stages."""
    stages = {
        name: StageHealth(
            status=deployment.status.value,
            replicas=deployment.replica_states.get(ReplicaState.RUNNING, 0),
        )
        for name, deployment in status.applications[app_name].deployments.items()
    }
    up = all(stage.replicas > 0 for stage in stages.values())
    return Health(status="ok" if up else "starting", stages=stages)
