"""All routes of this surface."""

from fastapi import APIRouter

from serve_app.config import AppArgs
from serve_app.ingress.webui import extras, generation, listings
from serve_app.pipeline import Pipeline


def build_routers(pipeline: Pipeline, args: AppArgs) -> list[APIRouter]:
    """None of them where `args.webui` does not say so."""
    if not args.webui:
        return []
    return [
        generation.build_router(pipeline, args),
        extras.build_router(pipeline, args),
        listings.build_router(args),
    ]
