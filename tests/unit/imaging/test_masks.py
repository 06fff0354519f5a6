"""Masks, regions and pasting: what diffusers' VaeImageProcessor makes of the same."""

import numpy as np
import pytest
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

from serve_app.imaging import masks
from serve_app.messages import Region
from tests.images import sketch

PROCESSOR = VaeImageProcessor()
MASK_PROCESSOR = VaeImageProcessor(
    do_normalize=False, do_binarize=True, do_convert_grayscale=True, vae_scale_factor=8
)
ORIGINAL = np.asarray(sketch(100, 60))


def rectangle(left, top, right, bottom, size=(100, 60)):
    mask = np.zeros(size[::-1], np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


RECTANGLES = [(40, 20, 60, 40), (0, 0, 5, 60), (90, 50, 100, 60), (0, 0, 100, 60), (3, 30, 97, 31)]


def test_a_blurred_mask_is_diffusers_and_ends():
    mask = rectangle(40, 20, 60, 40)
    blurred = masks.blurred(mask, 4)
    assert np.array_equal(blurred, PROCESSOR.blur(Image.fromarray(mask), 4))
    assert blurred[30, 50] > 240 and 0 < blurred[30, 38] < 128
    assert not blurred[:, :20].any() and not blurred[:, 80:].any()
    assert masks.blurred(mask, 0) is mask


@pytest.mark.parametrize("padding", [0, 7, 200])
@pytest.mark.parametrize("size", [(64, 64), (128, 64), (64, 136)])
@pytest.mark.parametrize("box", RECTANGLES)
def test_a_region_is_diffusers(box, size, padding):
    mask = rectangle(*box)
    expected = PROCESSOR.get_crop_region(Image.fromarray(mask), *size, pad=padding)
    assert masks.region_of(mask, *size, padding).box == expected


def test_nothing_to_make_has_no_region():
    with pytest.raises(ValueError, match="empty"):
        masks.region_of(np.zeros((8, 8), np.uint8), 8, 8, 0)


@pytest.mark.parametrize("box", RECTANGLES)
@pytest.mark.parametrize("size", [(64, 64), (128, 64), (64, 136)])
def test_a_region_is_cut_out_as_diffusers_does(box, size):
    mask = rectangle(*box)
    region = masks.region_of(mask, *size, 3)
    for processor, pixels in ((PROCESSOR, ORIGINAL), (MASK_PROCESSOR, mask)):
        prepared = processor.preprocess(
            Image.fromarray(pixels), *size[::-1], resize_mode="fill", crops_coords=region.box
        )
        made = masks.cut_out(pixels, region, size)
        assert made.shape[:2] == size[::-1]
        if pixels is mask:
            assert np.array_equal(made >= 128, prepared[0, 0].numpy() == 1)
        else:
            expected = (prepared[0].permute(1, 2, 0).numpy() + 1) * 127.5
            assert np.abs(made - expected).max() < 0.01


@pytest.mark.parametrize("box", RECTANGLES)
@pytest.mark.parametrize("size", [(64, 64), (128, 64), (64, 136)])
def test_a_region_is_pasted_as_diffusers_does(box, size):
    made = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    mask = masks.blurred(rectangle(*box), 2)
    region = masks.region_of(mask, *size, 5)
    expected = PROCESSOR.apply_overlay(
        Image.fromarray(mask), Image.fromarray(ORIGINAL), Image.fromarray(made), region.box
    )
    result = masks.pasted(ORIGINAL, made, mask, region)
    assert np.array_equal(result[mask == 0], ORIGINAL[mask == 0])
    assert np.abs(result - np.asarray(expected).astype(int)).max() <= 2, "they round twice"


def test_without_a_region_the_whole_picture_is_resized_into_place():
    mask = rectangle(40, 20, 60, 40)
    made = np.full((64, 64, 3), 7, np.uint8)
    result = masks.pasted(ORIGINAL, made, mask)
    assert (result[mask == 255] == 7).all()
    assert np.array_equal(result[mask == 0], ORIGINAL[mask == 0])
    assert result is not ORIGINAL and (ORIGINAL[30, 50] != 7).any()


def test_a_region_is_a_part_of_the_image_that_it_names():
    region = masks.region_of(rectangle(40, 20, 60, 40), 64, 64, 0)
    assert region == Region(100, 60, 40, 20, 60, 40)
