"""The `args:` of a Serve file: what is refused at the start."""

import pytest

from serve_app.config import Auth
from tests import fakes


def settings(size, **limits):
    sizes = {"defaults": {"width": size[0], "height": size[1]}}
    return fakes.app_args(sizes, max_upscale_pixels=size[0] * size[1], **limits)


def test_a_default_size_over_the_limits_is_refused_at_the_start():
    with pytest.raises(ValueError, match="default size 512x512 is over the limits"):
        settings((512, 512), max_side=256)
    with pytest.raises(ValueError, match="default size 512x512 is over the limits"):
        settings((512, 512), max_pixels=512 * 511)


@pytest.mark.parametrize("auth", [{}, {"keys_file": "a", "keys_variable": "b"}])
def test_one_source_of_keys(auth):
    with pytest.raises(ValueError, match="either"):
        Auth.model_validate(auth)
