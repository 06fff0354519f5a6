"""`GET /health`: whether every stage has a replica that can take work."""

import asyncio

from fastapi import APIRouter

from serve_app.errors import StageUnavailable
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schemas import Health, StageHealth
from serve_app.ingress.status import read_own


def build_router() -> APIRouter:
    """The one route. Answers 503 while a stage has no running replica."""
    router = APIRouter(tags=["health"], responses={503: error_schema()[503]})

    @router.get("/health")
    async def health() -> Health:
        """Each stage's state and running replicas, as Serve sees them."""
        stages = await read_stages()
        require_running(stages)
        return Health(status="ok", stages=stages)

    return router


async def read_stages() -> dict[str, StageHealth]:
    """The deployments of the application that this replica is part of."""
    reports = await asyncio.to_thread(read_own)
    return {
        name: StageHealth(status=report.status, replicas=report.running)
        for name, report in reports.items()
    }


def require_running(stages: dict[str, StageHealth]) -> None:
    """Raises StageUnavailable while one of them has no running replica."""
    down = [name for name, stage in stages.items() if stage.replicas == 0]
    if down:
        raise StageUnavailable(f"starting: {', '.join(down)}")
