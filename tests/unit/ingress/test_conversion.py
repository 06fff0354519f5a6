"""From an image request to the pipeline's: sizes, defaults, terms."""

import time

import pytest

from serve_app import errors
from serve_app.errors import InvalidRequest
from serve_app.imaging.codec import Header
from serve_app.ingress import checks, conversion
from serve_app.ingress.schema import MAX_SEED, ImageRequest
from serve_app.messages import Terms
from tests import fakes
from tests.images import encoded, in_base64, jpeg, sketch
from tests.service import Service, assert_refused

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
    return conversion.output_size("auto", args, Header("PNG", *shape))


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
    assert conversion.output_size("768x768", args, None) == (768, 768)
    assert conversion.output_size("1024x576", args, None) == (1024, 576)
    with pytest.raises(InvalidRequest, match="at most 589824 pixels") as refused:
        conversion.image_generation(ImageRequest(prompt="x", size="1024x584"), args)
    assert refused.value.param == "size"


def test_auto_size_keeps_the_shape_of_the_control_image(service):
    wide = in_base64(encoded(sketch(900, 300)))
    service.generate(control_image=wide, size="auto")
    width, height = service.request.width, service.request.height
    assert width % 8 == 0 and height % 8 == 0
    assert 2.5 < width / height < 3.5
    assert 0.7 < width * height / (128 * 64) < 1.4


def test_guidance_ends_early_only_where_edges_steer():
    defaults = {"width": 128, "height": 64, "guidance_end": 0.4}
    service = Service(settings={"defaults": defaults})
    service.generate(control_image=in_base64(jpeg()))
    assert service.request.guidance_end == 0.4
    service.generate()
    assert service.request.guidance_end == 1.0, "guidance alone composes the picture"
    service.generate(guidance_end=0.7)
    assert service.request.guidance_end == 0.7


def test_deadline_and_priority_reach_the_engine(service):
    earliest = time.time() + 5
    service.generate(deadline_ms=5000, priority=3)
    assert earliest <= service.terms.finish_by <= time.time() + 5
    assert service.terms.priority == 3
    service.handles["generator"].answer = lambda *_: errors.DeadlineUnmet("late").after(7)
    response = service.generate(deadline_ms=5000)
    assert_refused(response, 429, "deadline_unmet")
    assert response.headers["retry-after"] == "7"


def converted(**fields):
    args = fakes.app_args()
    request, composition = conversion.image_generation(ImageRequest(prompt="x", **fields), args)
    return request, composition


def test_what_is_left_out_comes_from_the_defaults_and_what_is_zero_does_not():
    defaults = fakes.app_args().defaults
    request, composition = converted()
    assert (request.width, request.height) == (128, 64)
    assert request.guidance_scale == defaults.guidance_scale
    assert (composition.control, composition.upscale, composition.caption) == (None, 1, False)
    request, _ = converted(guidance_scale=0, controlnet_conditioning_scale=0, seed=0)
    assert (request.guidance_scale, request.controlnet_conditioning_scale) == (0, 0)
    assert request.seed == 0


def test_the_last_seed_counts():
    assert converted(seed=MAX_SEED - 1, n=2)[0].seed == MAX_SEED - 1
    with pytest.raises(InvalidRequest) as refused:
        converted(seed=MAX_SEED, n=2)
    assert refused.value.param == "seed"


def test_the_size_of_an_edit_is_the_images_and_not_the_edges():
    wide, high = encoded(sketch(900, 300)), encoded(sketch(300, 900))
    body = ImageRequest(prompt="x")
    request, composition = conversion.image_generation(body, fakes.app_args(), wide, high)
    assert request.width > request.height
    assert composition.control.size == (request.width, request.height)
    assert (request.image, composition.control.image) == (wide, high)


def test_terms_are_patient_where_nothing_is_said():
    assert conversion.terms(ImageRequest(prompt="x")) == Terms()
    asked = ImageRequest(prompt="x", priority=-3, partial_images=2, progress=True)
    assert conversion.terms(asked) == Terms(priority=-3, partial_images=2, every_step=True)
