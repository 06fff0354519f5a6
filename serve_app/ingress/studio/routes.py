"""Studio, the page at `/`: static files that use nothing but the public API."""

from pathlib import Path

from fastapi import APIRouter

from serve_app.ingress import static_pages

FOLDER = Path(__file__).parent / "page"


def build_router() -> APIRouter:
    """The page and its files."""
    return static_pages.build_router("/", "/studio", FOLDER.iterdir())
