"""Bodies of web UI's routes, by its names.

As lenient as web UI is: numbers may come as text, what is null counts as left out, and what is not
known is kept, so that the answer can say that it was ignored.
"""

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from serve_app.ingress.described import TINY_PNG
from serve_app.ingress.schema import MAX_SEED, Base64

Count = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=8, description="pixels, rounded down to a multiple of 8")]
Threshold = Annotated[
    float, Field(le=255, description="of Canny; a negative one is the configuration's")
]


class WebuiBody(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class Generation(WebuiBody):
    """What text to image and image to image have in common."""

    prompt: str | None = Field(None, description="what the image is to show")
    negative_prompt: str | None = Field(None, description="what it is not to show")
    seed: int | None = Field(None, le=MAX_SEED, description="below 0 is random")
    sampler_name: str | None = Field(None, description="one of `/sdapi/v1/samplers`")
    sampler_index: str | None = Field(None, description="the older name of `sampler_name`")
    scheduler: str | None = Field(None, description="one of `/sdapi/v1/schedulers`")
    batch_size: Count | None = Field(None, description="images of a batch")
    n_iter: Count | None = Field(None, description="batches; `batch_size * n_iter` images are made")
    steps: Count | None = Field(None, description="denoising steps")
    cfg_scale: float | None = Field(
        None, ge=0, le=50, description="how strictly the prompt is followed"
    )
    width: Side | None = Field(None, description="pixels, rounded down to a multiple of 8")
    height: Side | None = Field(None, description="pixels, rounded down to a multiple of 8")
    denoising_strength: float | None = Field(
        None, gt=0, le=1, description="how much of an image to start from is redrawn"
    )
    override_settings: dict[str, Any] | None = Field(
        None, description="`sd_model_checkpoint`; others have no effect"
    )
    script_name: str | None = Field(None, description="only empty: there are no scripts")
    alwayson_scripts: dict[str, Any] | None = Field(
        None, description='`{"controlnet": {"args": [unit]}}`'
    )
    send_images: bool | None = Field(None, description="false: answer without the images")


class TextToImage(Generation):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "a red circle", "steps": 2, "seed": 7},
                {"prompt": "a blue star", "steps": 2, "width": 64, "height": 64, "batch_size": 2},
            ]
        }
    )

    enable_hr: bool | None = Field(None, description="enlarge by the upscaler; no second pass")
    hr_scale: float | None = Field(None, ge=1, le=4, description="by which factor")
    hr_resize_x: Annotated[int, Field(ge=0)] | None = Field(
        None, description="to which width instead, in pixels; 0 is left out"
    )
    hr_resize_y: Annotated[int, Field(ge=0)] | None = Field(
        None, description="to which height instead, in pixels; 0 is left out"
    )


class ImageToImage(Generation):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "a red circle", "init_images": [TINY_PNG], "steps": 2, "seed": 7},
                {
                    "prompt": "a blue star",
                    "init_images": [TINY_PNG],
                    "mask": TINY_PNG,
                    "denoising_strength": 0.9,
                    "steps": 2,
                },
            ]
        }
    )

    init_images: list[Base64] | None = Field(
        None, description="the one image to start from, in base64"
    )
    mask: Base64 | None = Field(None, description="white is made anew; as large as the image")
    mask_blur: float | None = Field(
        None, ge=0, le=256, description="the radius of the mask's soft rim, in pixels"
    )
    inpaint_full_res: bool | None = Field(
        None, description="generate what the mask covers and the padding; else the whole image"
    )
    inpaint_full_res_padding: Annotated[int, Field(ge=0, le=1024)] | None = Field(
        None, description="pixels around what the mask covers"
    )
    inpainting_mask_invert: bool | None = Field(None, description="black is made anew instead")
    include_init_images: bool | None = Field(
        None, description="repeat the image in the answer's `parameters`"
    )


class GenerationResponse(BaseModel):
    images: list[str]
    parameters: dict[str, Any] = Field(description="the request's fields but for its pictures")
    info: str = Field(description="JSON: seeds, prompts, infotexts; `ignored` lists what had none")


class ControlUnit(WebuiBody):
    """One of `alwayson_scripts.controlnet.args`."""

    enabled: bool | None = None
    image: str | dict[str, Any] | None = Field(
        None, validation_alias=AliasChoices("image", "input_image")
    )
    module: str | None = None
    model: str | None = None
    weight: float | None = Field(None, ge=0, le=2)
    guidance_start: float | None = Field(None, ge=0, le=1)
    guidance_end: float | None = Field(None, ge=0, le=1)
    threshold_a: Threshold | None = None
    threshold_b: Threshold | None = None


class Upscaling(WebuiBody):
    resize_mode: int | None = Field(None, ge=0, le=1, description="0 by a factor, 1 to a size")
    upscaling_resize: float | None = Field(None, gt=0, le=4, description="the factor")
    upscaling_resize_w: Count | None = Field(None, description="the width, in pixels")
    upscaling_resize_h: Count | None = Field(None, description="the height, in pixels")
    upscaler_1: str | None = Field(None, description="None leaves the image as it is")


class OneUpscaling(Upscaling):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"image": TINY_PNG, "upscaler_1": "Swin2SR 4x"},
                {
                    "image": TINY_PNG,
                    "upscaler_1": "Swin2SR 4x",
                    "resize_mode": 1,
                    "upscaling_resize_w": 40,
                    "upscaling_resize_h": 40,
                },
            ]
        }
    )

    image: Base64


class NamedImage(WebuiBody):
    data: Base64
    name: str | None = Field(None, description="it has no effect")


class ManyUpscalings(Upscaling):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"imageList": [{"data": TINY_PNG}], "upscaler_1": "Swin2SR 4x"},
                {"imageList": [{"data": TINY_PNG, "name": "a"}, {"data": TINY_PNG, "name": "b"}]},
            ]
        }
    )

    imageList: list[NamedImage] = Field(description="the images to enlarge")


class UpscaledImage(BaseModel):
    image: str
    html_info: str


class UpscaledImages(BaseModel):
    images: list[str]
    html_info: str


class ImageBody(WebuiBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"image": TINY_PNG}, {"image": f"data:image/png;base64,{TINY_PNG}"}]
        }
    )

    image: Base64


class Caption(BaseModel):
    caption: str


class PngInfo(BaseModel):
    info: str = Field(description="the text that the PNG carries as `parameters`")
    items: dict[str, str] = Field(description="its texts by name")
    parameters: dict[str, str]


class Detection(WebuiBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"controlnet_module": "canny", "controlnet_input_images": [TINY_PNG]},
                {
                    "controlnet_module": "canny",
                    "controlnet_input_images": [TINY_PNG],
                    "controlnet_threshold_a": 50,
                    "controlnet_threshold_b": 150,
                },
            ]
        }
    )

    controlnet_module: str | None = Field(None, description="canny, or none")
    controlnet_input_images: list[Base64] = Field(
        validation_alias=AliasChoices("controlnet_input_images", "controlnet_images"),
        min_length=1,
        description="the images, in base64",
    )
    controlnet_threshold_a: Threshold | None = Field(
        None, description="Canny's low one; a negative one is the configuration's"
    )
    controlnet_threshold_b: Threshold | None = Field(
        None, description="Canny's high one; a negative one is the configuration's"
    )


class Detected(BaseModel):
    images: list[str]
    info: str


class ProgressResponse(BaseModel):
    progress: float = Field(ge=0, le=1)
    eta_relative: float = Field(description="seconds left")
    state: dict[str, Any]
    current_image: str | None
    textinfo: str | None
