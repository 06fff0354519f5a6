"""What a generation starts from, and its way back into the input image."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from serve_app.errors import InvalidImage
from serve_app.imaging import codec, masks
from serve_app.imaging.canvas import canvas_of
from tests.denoising import work
from tests.images import encoded, sketch

ORIGINAL = np.asarray(sketch(100, 60))
MASK = np.zeros((60, 100), np.uint8)
MASK[20:40, 40:60] = 255
MADE = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def request(**fields):
    return dataclasses.replace(work(size=(48, 32)).request, **fields)


def canvas(**fields):
    sent = {"image": codec.encode(ORIGINAL), "mask_image": codec.encode(MASK)}
    return canvas_of(request(**sent | fields), 10_000)


def test_without_an_image_what_is_made_is_the_answer():
    empty = canvas_of(request(), 10_000)
    assert (empty.image, empty.mask) == (None, None)
    assert empty.finished(MADE) is MADE


def test_without_a_mask_the_image_is_only_the_beginning():
    whole = canvas(mask_image=None)
    assert whole.image.shape == (32, 48, 3) and whole.mask is None
    assert whole.finished(MADE) is MADE


def test_a_masked_image_comes_back_at_its_own_size_with_every_other_pixel():
    masked = canvas()
    assert masked.image.shape == (32, 48, 3) and masked.mask.shape == (32, 48)
    assert masked.mask[16, 24] == 255 and masked.mask[2, 2] == 0
    finished = masked.finished(MADE)
    assert finished.shape == ORIGINAL.shape
    assert np.array_equal(finished[MASK == 0], ORIGINAL[MASK == 0])
    inside = np.asarray(Image.fromarray(MADE).resize((100, 60), Image.Resampling.LANCZOS))
    assert np.array_equal(finished[MASK == 255], inside[MASK == 255])


def test_a_region_is_made_in_place_of_the_whole_image():
    region = masks.region_of(MASK, 48, 32, 2)
    masked = canvas(region=region)
    assert (masked.mask >= 128).mean() > 2 * (MASK == 255).mean()
    finished = masked.finished(np.full_like(MADE, 9))
    assert (finished[MASK == 255] == 9).all()
    assert np.array_equal(finished[MASK == 0], ORIGINAL[MASK == 0])


def test_a_broken_image_names_its_field():
    broken = encoded(sketch(100, 60))[:200]
    for mask in (None, codec.encode(MASK)):
        with pytest.raises(InvalidImage) as refused:
            canvas(image=broken, mask_image=mask)
        assert refused.value.param == "image"
