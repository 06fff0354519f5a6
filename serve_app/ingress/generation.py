"""Routes that make images: `/generation` and OpenAI's `/v1/images/generations`."""

import asyncio
import base64
import time

from fastapi import APIRouter, Response

from serve_app.config import AppArgs
from serve_app.imaging import codec
from serve_app.ingress import requests
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schemas import (
    ControlNetRequest,
    ControlNetResponse,
    ImageData,
    ImageRequest,
    ImageResponse,
    Model,
    ModelList,
)
from serve_app.observability import log_event, server_timing, stage_seconds
from serve_app.pipeline import Finished, Pipeline


def build_router(pipeline: Pipeline, args: AppArgs) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["generation"], responses=error_schema())
    started = int(time.time())

    async def encoded(
        images: list[Finished], output_format: str, compression: int | None, response: Response
    ) -> tuple[list[str], dict[str, float]]:
        """Images in base64, and seconds by stage, which also go into the headers."""
        began = time.perf_counter()
        payloads = await asyncio.gather(
            *(_base64(image, output_format, compression) for image in images)
        )
        seconds = stage_seconds([report for image in images for report in image.reports])
        seconds["encode"] = time.perf_counter() - began
        response.headers["Server-Timing"] = server_timing(seconds)
        log_event(
            "generated",
            seeds=",".join(str(image.seed) for image in images),
            batch_sizes=",".join(f"{r.stage}:{r.batch_size}" for i in images for r in i.reports),
            seconds=server_timing(seconds),
        )
        return payloads, seconds

    @router.post("/generation")
    @router.post("/generation/", include_in_schema=False)
    async def generation(body: ControlNetRequest, response: Response) -> ControlNetResponse:
        """Make an image whose edges follow the input's Canny edges."""
        request, composition = requests.controlnet_generation(body, args)
        with requests.blaming("input_image_base64"):
            images = await pipeline.generate(request, composition)
        payloads, _ = await encoded(images, "png", None, response)
        return ControlNetResponse(request_id=body.request_id, output_image_base64=payloads[0])

    @router.post("/v1/images/generations")
    async def generations(body: ImageRequest, response: Response) -> ImageResponse:
        """OpenAI Images, with ControlNet, upscaling and captioning in one request."""
        request, composition = requests.image_generation(body, args)
        with requests.blaming("control_image"):
            images = await pipeline.generate(request, composition, body.n or 1)
        output_format = body.output_format or "png"
        payloads, seconds = await encoded(images, output_format, body.output_compression, response)
        height, width = images[0].pixels.shape[:2]
        return ImageResponse(
            created=int(time.time()),
            data=[
                ImageData(b64_json=payload, seed=image.seed, caption=image.caption)
                for payload, image in zip(payloads, images, strict=True)
            ],
            output_format=output_format,
            size=f"{width}x{height}",
            timings={stage: round(value, 4) for stage, value in seconds.items()},
        )

    @router.get("/v1/models")
    async def models() -> ModelList:
        """The models that `model` may name."""
        name = args.models.generator.name
        return ModelList(data=[Model(id=name, created=started, owned_by="local")])

    return router


async def _base64(image: Finished, output_format: str, compression: int | None) -> str:
    data = await asyncio.to_thread(codec.encode, image.pixels, output_format, compression)
    return base64.b64encode(data).decode("ascii")
