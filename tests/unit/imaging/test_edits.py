"""A mask as it was sent becomes a part of a request; over HTTP: `ingress/test_masked.py`."""

import numpy as np
import pytest
from PIL import Image

from serve_app.config import Limits
from serve_app.errors import ImageTooLarge, InvalidRequest, UnsupportedImage
from serve_app.imaging import codec
from serve_app.imaging.edits import SentMask, masked
from tests.denoising import work
from tests.images import encoded

HOLE = np.zeros((60, 100), np.uint8)
HOLE[20:40, 50:70] = 255
WHITE = codec.encode(HOLE)


def made(data=WHITE, field="mask_image", size=(100, 60), limits=None, **more):
    request = work(size=(96, 64)).request
    return masked(request, SentMask(data, field, **more), size, limits or Limits())


def covered(request):
    return codec.decode_grey(request.mask_image, 10_000)


def test_white_or_transparent_is_made_anew():
    assert np.array_equal(covered(made()), HOLE)
    image = Image.new("RGBA", (100, 60))
    image.putalpha(Image.fromarray(255 - HOLE))
    assert np.array_equal(covered(made(encoded(image), "mask")), HOLE)


def test_a_soft_rim_and_a_part_of_the_image():
    soft = covered(made(blur=2.0))
    assert 0 < soft[19, 60] < 255 and made().region is None
    region = made(padding=4).region
    assert region.left <= 46 and region.top <= 16 and (region.width, region.height) == (100, 60)


@pytest.mark.parametrize(
    ("fields", "kind", "param"),
    [
        ({"size": (60, 100)}, InvalidRequest, "mask_image"),
        ({"data": codec.encode(HOLE * 0)}, InvalidRequest, "mask_image"),
        ({"field": "mask"}, InvalidRequest, "mask"),
        ({"data": b"no image"}, UnsupportedImage, "mask_image"),
        ({"limits": Limits(max_image_pixels=100)}, ImageTooLarge, "mask_image"),
        ({"limits": Limits(max_edit_pixels=100)}, InvalidRequest, "image"),
    ],
)
def test_what_is_refused(fields, kind, param):
    with pytest.raises(kind) as refused:
        made(**fields)
    assert refused.value.param == param
