"""Studio, the page at `/`: static files that use nothing but the public API."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

FOLDER = Path(__file__).parent / "studio"
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
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
    "Content-Security-Policy": "; ".join(f"{what} {where}" for what, where in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a redeployed page shows at once
}


def build_router() -> APIRouter:
    """The page and its files, by name: no other path is ever looked up on disk."""
    router = APIRouter(include_in_schema=False)
    files = {path.name: path for path in FOLDER.iterdir() if path.suffix in _TYPES}

    def answer(path: Path) -> FileResponse:
        return FileResponse(path, media_type=_TYPES[path.suffix], headers=_HEADERS)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page() -> FileResponse:
        return answer(files["index.html"])

    @router.api_route("/studio/{name}", methods=["GET", "HEAD"])
    async def file(name: str) -> FileResponse:
        if name not in files:
            raise HTTPException(404)
        return answer(files[name])

    return router
