"""`GET /health`: whether every stage has a replica that can take work."""

from collections.abc import Iterable

from fastapi import APIRouter

from serve_app.errors import StageUnavailable
from serve_app.ingress.operations.schema import Health, StageHealth
from serve_app.ingress.problems import error_schema
from serve_app.ingress.replicas import Replicas, Reports


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


def require_running(reports: Reports, needed: Iterable[str] | None = None) -> None:
    """Raises StageUnavailable while one of those needed, or of all, has no running replica."""
    names = reports if needed is None else needed
    down = [name for name in names if name not in reports or reports[name].running == 0]
    if down:
        raise StageUnavailable(f"starting: {', '.join(down)}")
