"""The page of every route, at `/docs`: Swagger UI from a package, over `/openapi.json`.

FastAPI's own page loads Swagger UI from other hosts, and starts it in a script inside the page.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter

from serve_app.ingress import static_pages

FOLDER = Path(__file__).parent / "page"
_SWAGGER = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon.png")


def build_router() -> APIRouter:
    """The page and its files."""
    swagger = Path(str(files("fastapi_offline"))) / "static"
    paths = [*FOLDER.iterdir(), *(swagger / name for name in _SWAGGER)]
    return static_pages.build_router("/docs", "/docs", paths)
