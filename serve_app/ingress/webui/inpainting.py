"""Web UI's mask of image to image: white, or black where it is inverted, is made anew."""

from serve_app.config import Limits
from serve_app.imaging import codec
from serve_app.imaging.edits import SentMask
from serve_app.ingress import checks
from serve_app.ingress.webui.schema import ImageToImage

_BLUR = 4.0  # web UI's own, in pixels


def mask_of(body: ImageToImage, limits: Limits) -> SentMask | None:
    """None without a mask. Raises ServiceError about the field `mask`."""
    if not body.mask:
        return None
    data = checks.from_base64(body.mask, "mask")
    checks.checked_image(data, limits, "mask")
    if body.inpainting_mask_invert:
        with checks.naming_field("mask"):
            data = codec.encode(255 - codec.decode_grey(data, limits.max_image_pixels))
    blur = _BLUR if body.mask_blur is None else body.mask_blur
    whole = body.inpaint_full_res is False
    return SentMask(data, "mask_image", blur, None if whole else body.inpaint_full_res_padding or 0)
