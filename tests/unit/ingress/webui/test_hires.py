import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.webui.hires import Enlargement, enlargement, scale_for
from serve_app.ingress.webui.schema import TextToImage
from tests.fakes import app_args

ARGS = app_args()  # which has an upscaler by 4 alone
BOTH = app_args(
    {"models": ARGS.models.model_dump(mode="json") | {"upscaler": {"x2": "hub/x2", "x4": "hub/x4"}}}
)


def of(args=BOTH, **fields):
    return enlargement(TextToImage(enable_hr=True, **fields), (64, 128), args)


def test_by_a_factor():
    assert of() == Enlargement(2)
    assert of(hr_scale=4) == Enlargement(4)
    assert of(hr_scale=1.5) == Enlargement(2, (96, 192))
    assert of(ARGS) == Enlargement(4, (128, 256))


def test_to_a_size():
    assert of(hr_resize_x=192) == Enlargement(4, (192, 384))
    assert of(hr_resize_x=128, hr_resize_y=256) == Enlargement(2)
    assert of(hr_resize_x=128, hr_resize_y=200).ignored == ("hr_resize_y",)


def test_what_has_no_effect():
    assert of(hr_upscaler="Latent", hr_second_pass_steps=0, denoising_strength=0.5).ignored == (
        "hr_upscaler",
        "denoising_strength",
    )


def test_without_an_upscaler():
    none = app_args({"models": ARGS.models.model_dump(mode="json") | {"upscaler": {}}})
    assert of(none).ignored == ("enable_hr",)
    assert scale_for(2, none) is None


def test_too_large():
    with pytest.raises(InvalidRequest) as refused:
        of(hr_resize_y=4000)
    assert refused.value.param == "hr_resize_x"
