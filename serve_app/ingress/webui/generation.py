"""Routes that make images, and those that follow and stop what is being made."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from serve_app.config import AppArgs
from serve_app.ingress import checks
from serve_app.ingress.described import TIMED
from serve_app.ingress.encoding import encode, encode_images, in_base64
from serve_app.ingress.json_body import JsonRoute
from serve_app.ingress.masked import converted
from serve_app.ingress.webui import controlnet
from serve_app.ingress.webui.answers import info_of, parameters_echoed
from serve_app.ingress.webui.conversion import Asked, generation
from serve_app.ingress.webui.document import errors
from serve_app.ingress.webui.schema import (
    GenerationResponse,
    ImageToImage,
    ProgressResponse,
    TextToImage,
)
from serve_app.ingress.webui.work import Work, state_of
from serve_app.messages import Terms
from serve_app.pipeline import Pipeline

_TERMS = Terms(partial_images=1, every_step=True)  # for /sdapi/v1/progress


def build_router(pipeline: Pipeline, args: AppArgs) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["web UI"], responses=errors(), route_class=JsonRoute)
    work = Work()

    async def answered(
        name: str, body: TextToImage | ImageToImage, response: Response
    ) -> GenerationResponse:
        masked = isinstance(body, ImageToImage) and body.mask
        asked = await converted(partial(generation, body, args), masked)
        with checks.naming_field(controlnet.FIELD if asked.composition.control else "init_images"):
            maps = await detected(asked)
            stream = pipeline.generate_streaming(
                asked.request, asked.composition, asked.images, _TERMS
            )
            images, interrupted = await work.run(name, asked.images, stream)
        payloads: list[str] = []
        timings = None
        if images and body.send_images is not False:
            encoded, timings = await encode_images(images, asked.request, asked.composition, args)
            payloads = [*map(in_base64, encoded), *maps]
            response.headers.update(timings.header)
        return GenerationResponse(
            images=payloads,
            parameters=parameters_echoed(
                body, isinstance(body, ImageToImage) and bool(body.include_init_images)
            ),
            info=info_of(body, asked, images, args, interrupted, timings),
        )

    async def detected(asked: Asked) -> list[str]:
        """The edge map that the extension sends behind the images."""
        control = asked.composition.control
        if control is None or control.is_edges:
            return []
        edges = await pipeline.find_edges(control)
        return [in_base64(await encode(edges.pixels, "png"))]

    @router.post("/sdapi/v1/txt2img", responses={200: TIMED})
    async def txt2img(body: TextToImage, response: Response) -> GenerationResponse:
        """Text to image, ControlNet-conditioned with a unit of the ControlNet extension."""
        return await answered("txt2img", body, response)

    @router.post("/sdapi/v1/img2img", responses={200: TIMED})
    async def img2img(body: ImageToImage, response: Response) -> GenerationResponse:
        """Image to image at `denoising_strength`."""
        return await answered("img2img", body, response)

    @router.get("/sdapi/v1/progress")
    async def progress(
        skip_current_image: Annotated[bool, Query(description="leave the preview out")] = False,
    ) -> ProgressResponse:
        """Of the oldest request of this surface at the ingress replica that answers."""
        job = work.current
        pixels = job.preview if job and not skip_current_image else None
        return ProgressResponse(
            progress=job.progress if job else 0.0,
            eta_relative=job.eta_s if job else 0.0,
            state=state_of(job),
            current_image=None if pixels is None else in_base64(await encode(pixels, "png")),
            textinfo=f"{work.waiting} more requests in progress" if work.waiting else None,
        )

    @router.post("/sdapi/v1/interrupt")
    @router.post("/sdapi/v1/skip", name="skip")
    async def interrupt() -> dict[str, str]:
        """Stop this surface's requests at the ingress replica that answers.

        Each is answered with the images that are finished by then.
        """
        work.interrupt()
        return {}

    return router
