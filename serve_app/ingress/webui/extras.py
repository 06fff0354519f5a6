"""Routes about pictures that are there already: enlarged, described, their parameters read, their
edges found."""

import asyncio
from collections.abc import Iterable

from fastapi import APIRouter

from serve_app.config import AppArgs
from serve_app.errors import InvalidRequest, over
from serve_app.imaging.png_parameters import read_parameters
from serve_app.imaging.png_texts import read_texts
from serve_app.ingress import checks
from serve_app.ingress.encoding import encode, in_base64
from serve_app.ingress.json_body import JsonRoute
from serve_app.ingress.webui.controlnet import module_of, thresholds_of
from serve_app.ingress.webui.document import errors
from serve_app.ingress.webui.hires import MAX_FACTOR, scale_for
from serve_app.ingress.webui.listings import UPSCALERS
from serve_app.ingress.webui.neutral import asks
from serve_app.ingress.webui.schema import (
    Caption,
    Detected,
    Detection,
    ImageBody,
    ManyUpscalings,
    OneUpscaling,
    PngInfo,
    UpscaledImage,
    UpscaledImages,
    Upscaling,
)
from serve_app.messages import CannyRequest
from serve_app.pipeline import Pipeline


def build_router(pipeline: Pipeline, args: AppArgs) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter(tags=["web UI"], responses=errors(), route_class=JsonRoute)
    limits = args.limits

    async def enlarged(body: Upscaling, text: str, param: str) -> str:
        image = checks.from_base64(text, param)
        header = checks.checked_image(image, limits, param)
        if _is_none(body.upscaler_1):
            return in_base64(image)
        size = (header.width, header.height)
        factor, field = _factor(body, size)
        scale = scale_for(factor, args)
        if scale is None:
            raise InvalidRequest("upscaling is not served here").about("upscaler_1")
        if factor > MAX_FACTOR:
            message = f"{factor:g} times as large is asked for; at most {MAX_FACTOR:g} times"
            raise InvalidRequest(message).about(field)
        checks.check_upscale(*size, scale, args, param, "png")
        with checks.naming_field(param):
            result = await pipeline.upscale(image, scale)
        target = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
        return in_base64(await encode(result.pixels, "png", size=target))

    @router.post("/sdapi/v1/extra-single-image")
    async def extra_single_image(body: OneUpscaling) -> UpscaledImage:
        """The image, enlarged by the upscaler and resized to the size asked for."""
        return UpscaledImage(
            image=await enlarged(body, body.image, "image"), html_info=_ignored(body)
        )

    @router.post("/sdapi/v1/extra-batch-images")
    async def extra_batch_images(body: ManyUpscalings) -> UpscaledImages:
        """As `extra-single-image`, of each image."""
        _check_count(len(body.imageList), "imageList")
        images = [await enlarged(body, each.data, "imageList") for each in body.imageList]
        return UpscaledImages(images=images, html_info=_ignored(body))

    @router.post("/sdapi/v1/interrogate")
    async def interrogate(body: ImageBody) -> Caption:
        """A caption, by the captioner whatever `model` says."""
        image = checks.from_base64(body.image, "image")
        checks.checked_image(image, limits, "image")
        with checks.naming_field("image"):
            (result,) = await pipeline.caption([image])
        return Caption(caption=result.text)

    @router.post("/sdapi/v1/png-info")
    async def png_info(body: ImageBody) -> PngInfo:
        """What a PNG carries as text; nothing of another format."""
        image = checks.from_base64(body.image.strip(), "image")
        header = checks.checked_image(image, limits, "image")
        texts = await asyncio.to_thread(read_texts, image) if header.format == "PNG" else {}
        info = texts.pop("parameters", "")
        return PngInfo(info=info, items=texts, parameters=read_parameters(info))

    @router.post("/controlnet/detect")
    async def detect(body: Detection) -> Detected:
        """The Canny edges of each image."""
        param = "controlnet_input_images"
        unchanged = module_of(body.controlnet_module, "controlnet_module") == "none"
        _check_count(len(body.controlnet_input_images), param)
        low, high = thresholds_of(body.controlnet_threshold_a, body.controlnet_threshold_b, args)
        found = []
        for text in body.controlnet_input_images:
            image = checks.from_base64(text, param)
            checks.checked_image(image, limits, param)
            if unchanged:
                found.append(in_base64(image))
                continue
            with checks.naming_field(param):
                edges = await pipeline.find_edges(CannyRequest(image, low, high))
            found.append(in_base64(await encode(edges.pixels, "png")))
        return Detected(images=found, info="Success")

    def _check_count(images: int, param: str) -> None:
        if images > limits.max_batch_items:
            message = over(f"{images} images", limits.max_batch_items, "limits.max_batch_items")
            raise InvalidRequest(message).about(param)

    return router


def _factor(body: Upscaling, size: tuple[int, int]) -> tuple[float, str]:
    """By how much to enlarge, and the field that says so; to a size, until both sides fill it."""
    if body.resize_mode == 1:
        wanted = body.upscaling_resize_w or 512, body.upscaling_resize_h or 512
        return max(wanted[0] / size[0], wanted[1] / size[1]), "upscaling_resize_w"
    return body.upscaling_resize or 2.0, "upscaling_resize"


def _is_none(upscaler: str | None) -> bool:
    return (upscaler or "None").lower() == "none"


def _ignored(body: Upscaling) -> str:
    """`html_info`: what has no effect. A foreign upscaler's name stands for ours."""
    foreign = not _is_none(body.upscaler_1) and body.upscaler_1 not in UPSCALERS
    names: Iterable[str] = [*asks(body.model_extra), *(["upscaler_1"] if foreign else [])]
    found = ", ".join(names)
    return f"<p>ignored: {found}</p>" if found else ""
