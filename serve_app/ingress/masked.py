"""A mask that a client sent with an image to edit: checked, and put into the pipeline's request.

It is decoded for that, which takes a while, so it is done in a thread (`converted`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from serve_app.config import Limits
from serve_app.imaging import codec, edits
from serve_app.imaging.edits import SentMask
from serve_app.imaging.png_parameters import hash_of
from serve_app.ingress import checks
from serve_app.messages import GenerationRequest, MaskSource
from serve_app.pipeline import Composition

T = TypeVar("T")


async def converted(convert: Callable[[], T], mask: object) -> T:
    """`convert()`, which turns a body into the pipeline's request: off the event loop where there
    is a mask, sent in whatever way."""
    return await asyncio.to_thread(convert) if mask else convert()


def with_mask(
    request: GenerationRequest,
    composition: Composition,
    sent: SentMask,
    image: codec.Header,
    limits: Limits,
) -> tuple[GenerationRequest, Composition]:
    """The request, of what the mask covers alone. Raises ServiceError about the field at fault."""
    checks.checked_image(sent.data, limits, sent.field)
    size = image.width, image.height
    request = edits.masked(request, sent, size, limits)
    source = MaskSource(sent.field, hash_of(sent.data), sent.blur, sent.padding)
    composition = replace(composition, mask=source)
    if request.region is not None and composition.control is not None:
        control = replace(composition.control, region=request.region)
        composition = replace(composition, control=control)
    return request, composition
