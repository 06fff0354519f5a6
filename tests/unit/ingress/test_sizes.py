"""Sizes: automatic ones, and OpenAI's, which are made at the model's own and enlarged."""

import pytest

from serve_app.errors import InvalidRequest
from serve_app.imaging.codec import Header
from serve_app.ingress import checks
from serve_app.ingress.sizes import OPENAI_SIZES, Sizing, pasted_sizing, sizing
from tests import fakes

DEFAULTS = [(512, 512), (768, 512), (128, 128), (128, 64), (64, 128), (8, 8), (8, 64), (1024, 1024)]
COMMON = [(5, 4), (7, 5), (16, 10), (16, 9), (21, 9), (3, 1), (3, 2), (1, 1)]
SHAPES = [
    *COMMON,
    *((tall, wide) for wide, tall in COMMON),
    *((round(1000 * 1.01**power), 1000) for power in range(-301, 302)),
    *((1000, side) for side in range(50, 20_000, 331)),
]


def settings(size, **limits):
    sizes = {"defaults": {"width": size[0], "height": size[1]}}
    return fakes.app_args(sizes, max_upscale_pixels=size[0] * size[1], **limits)


def auto_size(args, shape):
    return sizing("auto", args, Header("PNG", *shape)).generated


@pytest.mark.parametrize("size", DEFAULTS, ids=str)
def test_an_automatic_size_may_be_upscaled_wherever_the_default_may(size):
    args = settings(size)
    for shape in SHAPES:
        width, height = auto_size(args, shape)
        assert width % 8 == 0 and height % 8 == 0 and min(width, height) >= 8, shape
        assert max(width, height) <= args.limits.max_side, shape
        checks.check_upscale(width, height, 4, args, "upscale", "png")


@pytest.mark.parametrize("size", [(512, 512), (768, 512), (1024, 1024)], ids=str)
def test_it_has_the_inputs_shape_to_a_multiple_of_8(size):
    args = settings(size)
    area = size[0] * size[1]
    for wide, tall in SHAPES:
        exact = (area * wide / tall) ** 0.5, (area * tall / wide) ** 0.5
        if max(exact) > args.limits.max_side:
            continue
        made = auto_size(args, (wide, tall))
        assert all(abs(a - b) <= 8 for a, b in zip(made, exact, strict=True)), (wide, tall)
        assert area * 0.9 < made[0] * made[1] <= area


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((512, 512), (512, 512)),
        ((1000, 1000), (512, 512)),
        ((5, 4), (568, 456)),
        ((16, 9), (680, 384)),
        ((3, 1), (880, 296)),
        ((20, 1), (1024, 112)),  # a side is cut where it would be too long
    ],
)
def test_sizes_at_the_defaults_of_stable_diffusion(shape, expected):
    assert auto_size(settings((512, 512)), shape) == expected
    assert auto_size(settings((512, 512)), shape[::-1]) == expected[::-1]


def test_the_shape_of_the_default_gives_the_default():
    for size in [(640, 360), (768, 512), (128, 64), (8, 160), (1024, 576)]:
        assert auto_size(settings(size), size) == size
        assert auto_size(settings(size), (3 * size[0], 3 * size[1])) == size


def test_pixels_are_limited_besides_sides():
    args = settings((512, 512), max_side=1024, max_pixels=768 * 768)
    assert sizing("768x768", args).generated == (768, 768)
    assert sizing("1024x576", args).generated == (1024, 576)
    with pytest.raises(InvalidRequest, match="at most 589824 in all") as refused:
        sizing("1024x584", args)
    assert refused.value.param == "size"


@pytest.mark.parametrize(
    ("default", "asked", "expected"),
    [
        ((512, 512), "512x512", Sizing((512, 512))),
        ((512, 512), "1024x1024", Sizing((512, 512), 2)),
        ((512, 512), "256x256", Sizing((512, 512), 1, (256, 256))),
        ((512, 512), "1536x1024", Sizing((624, 416), 4, (1536, 1024))),
        ((512, 512), "1024x1792", Sizing((384, 672), 4, (1024, 1792))),
        ((128, 128), "1024x1024", Sizing((128, 128), 4, (1024, 1024))),
        ((128, 128), "512x512", Sizing((128, 128), 4)),
        ((128, 128), "1792x1024", Sizing((168, 96), 4, (1792, 1024))),
        ((8, 8), "1792x1024", Sizing((1792, 1024))),  # the model's own size is too small for it
        ((512, 512), "768x512", Sizing((768, 512))),
    ],
)
def test_sizes_of_openai_are_made_at_the_models_own_and_enlarged(default, asked, expected):
    upscaler = {"x2": "an upscaler", "x4": "an upscaler"}
    args = fakes.app_args(
        {
            "models": fakes.app_args().models.model_dump() | {"upscaler": upscaler},
            "defaults": {"width": default[0], "height": default[1]},
        },
        max_side=2048,
        max_pixels=2048 * 2048,
    )
    assert sizing(asked, args) == expected


def test_they_keep_their_shape_exactly():
    for default in DEFAULTS:
        args = settings(default, max_side=2048, max_pixels=2048 * 2048)
        for width, height in OPENAI_SIZES:
            generated = sizing(f"{width}x{height}", args).generated
            assert generated[0] * height == generated[1] * width


def test_native_and_upscaling_make_the_very_size():
    args = settings((512, 512))
    assert sizing("1024x1024", args, native=True) == Sizing((1024, 1024))
    assert sizing("256x256", args, upscale=4) == Sizing((256, 256), 4)
    with pytest.raises(InvalidRequest, match="at most 1024 a side"):
        sizing("1792x1024", args, native=True)


def test_what_no_upscaler_takes_is_resized_alone():
    args = fakes.app_args({"defaults": {"width": 512, "height": 512}}, max_upscale_pixels=100)
    assert sizing("1024x1024", args) == Sizing((512, 512), 1, (1024, 1024))


@pytest.mark.parametrize(
    ("size", "upscale", "expected"),
    [
        (None, 1, Sizing((112, 64))),
        ("auto", 2, Sizing((112, 64), 2)),
        ("1024x1024", 1, Sizing((88, 88), 1, (1024, 1024))),
        ("64x64", 1, Sizing((64, 64), 1, (64, 64))),
        ("64x64", 4, Sizing((64, 64), 4, (256, 256))),
    ],
)
def test_what_is_pasted_keeps_the_images_size_unless_another_is_asked_for(size, upscale, expected):
    header = Header("PNG", 100, 60)
    assert pasted_sizing(size, settings((128, 64)), header, upscale) == expected


def test_the_images_own_size_needs_no_resizing():
    for own in ((1024, 1024), (64, 64)):
        sizing_ = pasted_sizing("{}x{}".format(*own), settings((128, 64)), Header("PNG", *own))
        assert (sizing_.upscale, sizing_.resized) == (1, None)
