"""Masks of an edit, and the finished picture pasted where they say: pure functions of pixels.

A mask is uint8 [height, width]: 255 is made anew, 0 stays, and between them pictures are mixed.
What diffusers' `VaeImageProcessor` does to masks, pictures and regions is done alike here.
"""

import numpy as np
from PIL import Image, ImageFilter

from serve_app.imaging import codec
from serve_app.messages import Pixels, Region

_RESAMPLING = Image.Resampling.LANCZOS


def blurred(mask: Pixels, radius: float) -> Pixels:
    """The mask with a soft rim: a Gaussian blur, reaching about three times `radius` pixels."""
    if radius == 0:
        return mask
    return np.asarray(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(radius)))


def region_of(mask: Pixels, width: int, height: int, padding: int) -> Region:
    """The smallest rectangle around what is made anew, `padding` pixels wider on each side, grown
    to the shape of `width` x `height` as far as the image goes.

    As `VaeImageProcessor.get_crop_region`. Raises ValueError for a mask of zeros.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("the mask is empty")
    full_height, full_width = mask.shape
    left, right = max(columns[0] - padding, 0), min(columns[-1] + 1 + padding, full_width)
    top, bottom = max(rows[0] - padding, 0), min(rows[-1] + 1 + padding, full_height)
    shape = width / height
    if (right - left) / (bottom - top) > shape:
        top, bottom = _grown(top, bottom, int((right - left) / shape), full_height)
    else:
        left, right = _grown(left, right, int((bottom - top) * shape), full_width)
    return Region(full_width, full_height, int(left), int(top), int(right), int(bottom))


def cut_out(pixels: Pixels, region: Region, size: tuple[int, int]) -> Pixels:
    """A region of uint8 [h, w, 3] or [h, w] at a size (width, height): its shape is kept, in the
    middle, and its outermost rows or columns are repeated around it. As `resize_mode="fill"`."""
    part = Image.fromarray(pixels).crop(region.box)
    inner_width, inner_height = _within(part.size, size)
    sized = np.asarray(part.resize((inner_width, inner_height), _RESAMPLING))
    before = size[0] // 2 - inner_width // 2, size[1] // 2 - inner_height // 2
    after = size[0] - inner_width - before[0], size[1] - inner_height - before[1]
    around = [(before[1], after[1]), (before[0], after[0]), (0, 0)]
    return np.pad(sized, around[: sized.ndim], "edge")


def pixels_at(
    image: bytes, max_pixels: int, size: tuple[int, int] | None, region: Region | None
) -> Pixels:
    """An encoded image at a size, uint8 RGB; or its part that a region of another image covers, to
    whose size it is resized first. Raises what `codec.decode` raises."""
    if region is None or size is None:
        return codec.decode(image, max_pixels, size)
    whole = codec.decode(image, max_pixels, (region.width, region.height))
    return cut_out(whole, region, size)


def pasted(original: Pixels, made: Pixels, mask: Pixels, region: Region | None = None) -> Pixels:
    """The original, uint8 [h, w, 3], with what was made for it, or for a region of it, where the
    mask says. Where the mask is 0, every pixel is the original's."""
    height, width = mask.shape
    if region is None:  # resized as a whole, to whatever shape, and so again
        region = Region(width, height, 0, 0, width, height)
        new = Image.fromarray(made).resize((width, height), _RESAMPLING)
    else:
        new = _covering(made, (region.right - region.left, region.bottom - region.top))
    result = original.copy()
    rows, columns = slice(region.top, region.bottom), slice(region.left, region.right)
    share = mask[rows, columns, None].astype(np.float32) / 255
    there = result[rows, columns]
    mixed = there + share * (np.asarray(new).astype(np.float32) - there)
    result[rows, columns] = mixed.round().clip(0, 255)
    return result


def _grown(low: int, high: int, length: int, limit: int) -> tuple[int, int]:
    """The range with `length` in place of its own, around it, moved to within 0 to `limit`."""
    more = length - (high - low)
    low, high = low - more // 2, high + more - more // 2
    if high >= limit:
        low, high = low - (high - limit), limit
    if low < 0:
        low, high = 0, high - low
    return low, min(high, limit)


def _within(part: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the part's shape within a size."""
    if size[0] / size[1] < part[0] / part[1]:
        return size[0], max(1, part[1] * size[0] // part[0])
    return max(1, part[0] * size[1] // part[1]), size[1]


def _covering(made: Pixels, size: tuple[int, int]) -> Image.Image:
    """Resized until it covers the size, and cut off evenly around: the inverse of `cut_out`."""
    image = Image.fromarray(made)
    if size[0] / size[1] > image.width / image.height:
        sized = size[0], max(size[1], image.height * size[0] // image.width)
    else:
        sized = max(size[0], image.width * size[1] // image.height), size[1]
    left, top = sized[0] // 2 - size[0] // 2, sized[1] // 2 - size[1] // 2
    return image.resize(sized, _RESAMPLING).crop((left, top, left + size[0], top + size[1]))
