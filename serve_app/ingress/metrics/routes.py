"""`GET /metrics`, where `args.metrics` opens it."""

from typing import Any

from fastapi import APIRouter, Response

from serve_app.config import AppArgs
from serve_app.ingress.metrics.exported import CONTENT_TYPE, ExportedMetrics
from serve_app.ingress.problems import error_schema

_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}


def build_routers(args: AppArgs) -> list[APIRouter]:
    """None where the configuration does not say so."""
    return [build_router(ExportedMetrics())] if args.metrics else []


def build_router(metrics: ExportedMetrics) -> APIRouter:
    """A router with this one route."""
    router = APIRouter(tags=["health"], responses={503: error_schema()[503]})

    @router.get("/metrics", response_class=Response, responses=_TEXT)
    async def exported() -> Response:
        """This application's metrics, of all nodes, in Prometheus' text format."""
        return Response(await metrics.page(), headers={"Content-Type": CONTENT_TYPE})

    return router
