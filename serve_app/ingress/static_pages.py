"""A page of static files: by name alone, rightly typed, and nothing loaded from elsewhere."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a redeployed page shows at once
}


def build_router(
    page: str, folder: str, paths: Iterable[Path], allowed: Mapping[str, str] | None = None
) -> APIRouter:
    """`index.html` at the path `page`, and every file at `folder`/name.

    Only the files given are served: no other path is ever looked up on disk. `allowed` is what this
    page's Content-Security-Policy lets through besides, by directive.
    """
    router = APIRouter(include_in_schema=False)
    headers = _HEADERS | {"Content-Security-Policy": _policy(allowed or {})}
    files = {path.name: path for path in paths if path.suffix in _TYPES}

    def answer(path: Path) -> FileResponse:
        return FileResponse(path, media_type=_TYPES[path.suffix], headers=headers)

    @router.api_route(page, methods=["GET", "HEAD"])
    async def index() -> FileResponse:
        return answer(files["index.html"])

    @router.api_route(f"{folder}/{{name}}", methods=["GET", "HEAD"])
    async def file(name: str) -> FileResponse:
        if name not in files:
            raise HTTPException(404)
        return answer(files[name])

    return router


def _policy(allowed: Mapping[str, str]) -> str:
    directives = _POLICY | {
        what: f"{_POLICY.get(what, '')} {where}".strip() for what, where in allowed.items()
    }
    return "; ".join(f"{what} {where}" for what, where in directives.items())
