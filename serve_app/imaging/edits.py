"""A request to edit an image where a mask says, from the mask as it was sent: in the service and
offline alike.

Only the mask's pixels tell whether there is anything to make anew, and where; so it is decoded.
"""

from dataclasses import dataclass, replace

from serve_app.config import Limits
from serve_app.errors import ImageTooLarge, InvalidImage, InvalidRequest, UnsupportedImage, over
from serve_app.imaging import codec, masks
from serve_app.messages import GenerationRequest, Pixels

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


def masked(
    request: GenerationRequest, sent: SentMask, size: tuple[int, int], limits: Limits
) -> GenerationRequest:
    """The request for an image of `size` (width, height), of what the mask covers alone.

    Raises what `codec.decode` raises, and InvalidRequest, about the mask's field or `image`.
    """
    if size[0] * size[1] > limits.max_edit_pixels:
        message = over(
            f"the image to edit with a mask has {size[0]}x{size[1]} pixels",
            f"{limits.max_edit_pixels} in all",
            "limits.max_edit_pixels",
        )
        raise InvalidRequest(message).about("image")
    mask = masks.blurred(_read(sent, size, limits.max_image_pixels), sent.blur)
    request = replace(request, mask_image=codec.encode(mask))
    if sent.padding is None:
        return request
    region = masks.region_of(mask, request.width, request.height, sent.padding)
    return replace(request, region=region)


def _read(sent: SentMask, size: tuple[int, int], max_pixels: int) -> Pixels:
    try:
        header = codec.inspect(sent.data, max_pixels)
        if (header.width, header.height) != size:
            raise InvalidRequest(
                f"the mask has {header.width}x{header.height} pixels and the image "
                f"{size[0]}x{size[1]}: send a mask of the image's size"
            ).about(sent.field)
        if sent.field == "mask":
            mask = 255 - codec.decode_alpha(sent.data, max_pixels)
        else:
            mask = codec.decode_grey(sent.data, max_pixels)
    except (InvalidImage, ImageTooLarge, UnsupportedImage) as error:
        raise error.about(error.param or sent.field) from error.__cause__
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
