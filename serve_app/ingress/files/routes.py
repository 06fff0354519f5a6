"""`GET /v1/files/{name}`: an image that was answered as a URL."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from serve_app.config import AppArgs
from serve_app.errors import NotFound
from serve_app.ingress.described import images
from serve_app.ingress.files.store import FileStore
from serve_app.ingress.middleware.special_paths import FILES
from serve_app.ingress.problems import error_schema

Name = Annotated[str, Path(description="of the file, the last part of the image's URL")]

_FILE: dict[int | str, dict[str, Any]] = {200: {"content": images("png", "jpeg", "webp")}}


def build_router(store: FileStore | None) -> APIRouter:
    """A router with this one route; it knows no file where the configuration keeps none."""
    router = APIRouter(tags=["generation"], responses=error_schema(404))

    @router.get("/v1/files/{name}", response_class=Response, responses=_FILE)
    async def file(name: Name) -> Response:
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
