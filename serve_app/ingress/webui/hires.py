"""Web UI's "hires. fix": here the picture is enlarged by the upscaler, without a second pass."""

from dataclasses import dataclass

from serve_app.config import AppArgs
from serve_app.errors import InvalidRequest
from serve_app.ingress.webui.neutral import asks
from serve_app.ingress.webui.schema import TextToImage

MAX_FACTOR = 4.0


@dataclass(frozen=True)
class Enlargement:
    """By an upscaler of this factor, then to `size` (width, height) if that is another one."""

    upscale: int | None = None
    size: tuple[int, int] | None = None
    ignored: tuple[str, ...] = ()


def enlargement(body: TextToImage, first: tuple[int, int], args: AppArgs) -> Enlargement:
    """What `enable_hr` asks for of a picture of the size `first`. Raises InvalidRequest."""
    ignored = [name for name in asks(body.model_extra) if name.startswith("hr_")]
    if body.denoising_strength is not None:
        ignored.append("denoising_strength")
    wanted = (body.hr_resize_x or 0, body.hr_resize_y or 0)
    factor = max(wanted[0] / first[0], wanted[1] / first[1]) or body.hr_scale or 2.0
    if factor > MAX_FACTOR:
        message = f"{factor:g} times as large is asked for; at most {MAX_FACTOR:g} times"
        raise InvalidRequest(message).about("hr_resize_x" if any(wanted) else "hr_scale")
    scale = scale_for(factor, args)
    if scale is None:
        return Enlargement(ignored=("enable_hr", *ignored))
    size = round(first[0] * factor), round(first[1] * factor)
    if all(wanted) and wanted != size:  # web UI would cut the rest off
        ignored.append("hr_resize_y" if wanted[1] != size[1] else "hr_resize_x")
    exact = size == (first[0] * scale, first[1] * scale)
    return Enlargement(scale, None if exact else size, tuple(ignored))


def scale_for(factor: float, args: AppArgs) -> int | None:
    """The upscaler to enlarge by a factor with, before the result is resized; None without one."""
    offered = args.models.upscaler.by_scale
    enough = [scale for scale in offered if scale >= factor]
    return min(enough) if enough else max(offered, default=None)
