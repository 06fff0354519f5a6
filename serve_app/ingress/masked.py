"""A mask that a client sent with an image to edit: checked, and put into the pipeline's request.

It is decoded here, since only its pixels tell whether there is anything to make anew, and where.
That takes a while, so it belongs into a thread.
"""

from dataclasses import dataclass, replace

from serve_app.config import Limits
from serve_app.errors import InvalidRequest, over
from serve_app.imaging import codec, masks
from serve_app.imaging.png_parameters import hash_of
from serve_app.ingress import checks
from serve_app.messages import GenerationRequest, MaskSource, Pixels
from serve_app.pipeline import Composition

_COVERED = 128  # a pixel is made anew by the model from this value on


@dataclass(frozen=True)
class SentMask:
    """An encoded mask, as large as the image to edit.

    As the field `mask`, what is transparent is made anew; as `mask_image`, what is white. `blur` is
    the radius of its soft rim, and `padding` how much around it is generated in place of the whole
    image; both in the image's pixels.
    """

    data: bytes
    field: str
    blur: float = 0.0
    padding: int | None = None


def with_mask(
    request: GenerationRequest,
    composition: Composition,
    sent: SentMask,
    image: codec.Header,
    limits: Limits,
) -> tuple[GenerationRequest, Composition]:
    """The request, of what the mask covers alone. Raises ServiceError about the field at fault."""
    if image.width * image.height > limits.max_edit_pixels:
        message = over(
            f"the image to edit with a mask has {image.width}x{image.height} pixels",
            f"{limits.max_edit_pixels} in all",
            "limits.max_edit_pixels",
        )
        raise InvalidRequest(message).about("image")
    mask = masks.blurred(_read(sent, image, limits), sent.blur)
    request = replace(request, mask_image=codec.encode(mask))
    source = MaskSource(sent.field, hash_of(sent.data), sent.blur, sent.padding)
    composition = replace(composition, mask=source)
    if sent.padding is None:
        return request, composition
    region = masks.region_of(mask, request.width, request.height, sent.padding)
    if composition.control is not None:
        composition = replace(composition, control=replace(composition.control, region=region))
    return replace(request, region=region), composition


def _read(sent: SentMask, image: codec.Header, limits: Limits) -> Pixels:
    header = checks.checked_image(sent.data, limits, sent.field)
    if (header.width, header.height) != (image.width, image.height):
        raise InvalidRequest(
            f"the mask has {header.width}x{header.height} pixels and the image "
            f"{image.width}x{image.height}: send a mask of the image's size"
        ).about(sent.field)
    with checks.naming_field(sent.field):
        if sent.field == "mask":
            mask = 255 - codec.decode_alpha(sent.data, limits.max_image_pixels)
        else:
            mask = codec.decode_grey(sent.data, limits.max_image_pixels)
    if mask.max() >= _COVERED:
        return mask
    if sent.field == "mask":
        message = (
            "no pixel of the mask is transparent: send a PNG with an alpha channel that is 0 where "
            "the image is to be edited, or a black and white mask as mask_image"
        )
    else:
        message = "no pixel of the mask is white: send a mask that is white where the image is to "
        message += "be edited and black elsewhere, or a transparent one as mask"
    raise InvalidRequest(message).about(sent.field)
