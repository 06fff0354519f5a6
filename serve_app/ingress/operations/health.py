"""`GET /health`: whether every stage has a replica that can take work."""

from fastapi import APIRouter

from serve_app.ingress.operations.schema import Health, StageHealth
from serve_app.ingress.problems import error_schema
from serve_app.ingress.replicas import Replicas, require_running


def build_router(replicas: Replicas) -> APIRouter:
    """A router with this one route; it answers 503 while any stage has no running replica."""
    router = APIRouter(tags=["health"], responses={503: error_schema()[503]})

    @router.get("/health")
    async def health() -> Health:
        """Each stage's state and running replicas, as Serve sees them."""
        reports = await replicas.reports()
        require_running(reports)
        stages = {
            name: StageHealth(status=report.status, replicas=report.running)
            for name, report in reports.items()
        }
        return Health(status="ok", stages=stages)

    return router
