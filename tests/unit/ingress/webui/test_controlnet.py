import pytest

from serve_app.errors import InvalidField, InvalidRequest, ServiceError
from serve_app.ingress.webui.controlnet import control_of, thresholds_of
from tests.fakes import app_args
from tests.images import in_base64

ARGS = app_args()
IMAGE = in_base64(b"a picture")


def of(*units, image=None):
    return control_of({"args": list(units)}, ARGS, image)


def test_a_unit():
    found = of({"image": IMAGE, "module": "Canny", "model": "control_v11p_sd15_canny [d14c016b]"})
    assert (found.image, found.is_edges, found.weight) == (b"a picture", False, None)
    assert found.thresholds == (100, 200) and found.ignored == []


def test_an_image_has_three_places():
    assert of({"input_image": IMAGE}).image == b"a picture"
    assert of({"image": {"image": IMAGE, "mask": IMAGE}}).image == b"a picture"
    assert of({"module": "canny"}, image=b"another").image == b"another"


def test_what_has_no_effect_is_named():
    asked = {"pixel_perfect": True, "control_mode": "Balanced", "mask": IMAGE}
    assert of({"image": IMAGE} | asked).ignored == ["controlnet.mask", "controlnet.pixel_perfect"]


def test_it_steers_a_share_of_the_steps():
    found = of({"image": IMAGE, "guidance_start": "0.1", "guidance_end": 0.5})
    assert (found.start, found.end) == (0.1, 0.5)
    found = of({"image": IMAGE})
    assert (found.start, found.end) == (None, None)


@pytest.mark.parametrize("script", [None, {}, {"args": []}, {"args": [False]}, [IMAGE]])
def test_nothing_is_asked_for(script):
    assert control_of(script, ARGS) is None


def test_units_that_are_off_do_not_count():
    off = {"enabled": False, "module": "depth_midas"}
    assert of(off) is None and of(off, {"image": IMAGE}, off).image == b"a picture"


@pytest.mark.parametrize(
    ("units", "kind"),
    [
        ([{"image": IMAGE, "module": "depth_midas"}], InvalidRequest),
        ([{"image": IMAGE, "model": "control_v11f1p_sd15_depth"}], InvalidRequest),
        ([{"image": IMAGE}, {"image": IMAGE}], InvalidRequest),
        ([{"module": "canny"}], InvalidRequest),
        ([{"image": {"image": 7}}], InvalidField),
        ([{"image": IMAGE, "weight": "much"}], InvalidField),
        (["canny"], InvalidField),
    ],
)
def test_what_is_not_here_is_refused(units, kind):
    with pytest.raises(ServiceError) as refused:
        of(*units)
    assert type(refused.value) is kind
    assert refused.value.param == "alwayson_scripts.controlnet.args"


def test_thresholds_are_the_configurations_where_they_are_negative():
    assert thresholds_of(-1, None, ARGS) == (100, 200)
    assert thresholds_of(250.4, -1, ARGS) == (200, 250)
