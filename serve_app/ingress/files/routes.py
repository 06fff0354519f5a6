"""`GET /v1/files/{name}`: an image that was answered as a URL."""

from fastapi import APIRouter, Request, Response

from serve_app.config import AppArgs
from serve_app.errors import NotFound
from serve_app.ingress.files.store import FileStore
from serve_app.ingress.middleware.special_paths import FILES
from serve_app.ingress.problems import error_schema

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_IMAGES = {f"image/{kind}": _BINARY for kind in ("png", "jpeg", "webp")}


def build_router(store: FileStore | None) -> APIRouter:
    """A router with this one route; it knows no file where the configuration keeps none."""
    router = APIRouter(tags=["generation"], responses=error_schema(404))

    @router.get("/v1/files/{name}", response_class=Response, responses={200: {"content": _IMAGES}})
    async def file(name: str) -> Response:
        """The image, to whoever has its URL: no key is asked for."""
        if store is None:
            raise NotFound("images are not kept here (args.files)")
        headers = {
            "Cache-Control": f"private, max-age={store.keep_s:.0f}, immutable",
            "Content-Disposition": "inline",
            "X-Content-Type-Options": "nosniff",
        }
        data = await store.read(name)
        return Response(data, media_type=f"image/{name.rpartition('.')[2]}", headers=headers)

    return router


def files_url(request: Request, args: AppArgs) -> str:
    """Below which URL clients find the files: absolute, without a slash at its end."""
    base = args.files.base_url if args.files is not None else None
    return f"{(base or str(request.base_url)).rstrip('/')}{FILES.rstrip('/')}"
