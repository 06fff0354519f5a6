import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.webui.samplers import SAMPLERS, aliases_of, sampler_of


@pytest.mark.parametrize(
    ("name", "scheduler", "ours", "heeded"),
    [
        ("DPM++ 2M Karras", None, "dpmpp_2m_karras", True),
        ("DPM++ 2M Karras", "karras", "dpmpp_2m_karras", True),
        ("DPM++ 2M", "Karras", "dpmpp_2m_karras", True),
        ("DPM++ 2M", "Automatic", "dpmpp_2m_karras", True),
        ("DPM++ 2M", "uniform", "dpmpp_2m", True),
        ("DPM++ 2M", "exponential", "dpmpp_2m", False),
        ("Euler a", "automatic", "euler_a", True),
        ("Euler a", "karras", "euler_a", False),
        ("k_euler_a", "", "euler_a", True),
        ("ddim", None, "ddim", True),
        ("UniPC", None, "unipc", True),
        ("LCM", None, "lcm", True),
        (None, None, None, True),
        ("", "karras", None, False),
    ],
)
def test_names(name, scheduler, ours, heeded):
    assert sampler_of(name, scheduler) == (ours, heeded)


def test_every_name_and_alias_is_understood():
    for name, ours in SAMPLERS.items():
        assert all(sampler_of(each, "uniform")[0] == ours for each in (name, *aliases_of(name)))


def test_another_sampler_is_refused():
    with pytest.raises(InvalidRequest, match="here are DDIM") as refused:
        sampler_of("Restart", None)
    assert refused.value.param == "sampler_name"
