"""From an image request to the pipeline's: sizes, defaults, terms."""

import time

import pytest

from serve_app import errors
from serve_app.errors import InvalidRequest
from serve_app.ingress import conversion
from serve_app.ingress.schema import MAX_SEED, ImageRequest
from serve_app.messages import Terms
from tests import fakes
from tests.images import encoded, in_base64, jpeg, sketch
from tests.service import Service, assert_refused


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


def test_which_steps_the_edges_steer(service):
    service.generate(control_image=in_base64(jpeg()))
    assert (service.request.control_guidance_start, service.request.control_guidance_end) == (0, 1)
    share = {"control_guidance_start": 0.2, "control_guidance_end": 0.6}
    service.generate(control_image=in_base64(jpeg()), **share)
    assert share.items() <= vars(service.request).items()
    for empty in ({"control_guidance_end": 0}, {"control_guidance_start": 1}):
        assert_refused(service.generate(**empty), 400, param="control_guidance_start")
    assert_refused(service.generate(control_guidance_end=1.5), 422, param="control_guidance_end")


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
