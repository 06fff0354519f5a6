"""The pages of every route over `/openapi.json`: Swagger UI at `/docs` to try them, Redoc at
`/redoc` to read. Both are from a package.

FastAPI's own pages load them from other hosts, and start them in a script inside the page.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter

from serve_app.ingress import static_pages

_FOLDER = Path(__file__).parent
_SWAGGER = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon.png")
_REDOC = ("redoc.standalone.js", "favicon.png")
_REDOC_NEEDS = {
    # It makes empty style elements, whose hash this is, and fills them by script.
    "style-src": "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "worker-src": "blob:",  # its search
}


def build_routers() -> list[APIRouter]:
    """The pages and their files."""
    package = Path(str(files("fastapi_offline"))) / "static"
    swagger = [*(_FOLDER / "swagger").iterdir(), *(package / name for name in _SWAGGER)]
    redoc = [*(_FOLDER / "redoc").iterdir(), *(package / name for name in _REDOC)]
    return [
        static_pages.build_router("/docs", "/docs", swagger),
        static_pages.build_router("/redoc", "/redoc", redoc, _REDOC_NEEDS),
    ]
