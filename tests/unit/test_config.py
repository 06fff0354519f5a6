"""The `args:` of a Serve file: what is refused at the start."""

import pytest
from pydantic import ValidationError

from serve_app.config import Auth, BatchSettings, Defaults, EngineSettings, read_batching, read_cpus
from serve_app.model_config import PROJECT_ROOT
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


def test_guidance_ends_early_only_along_edges():
    defaults = Defaults(guidance_end=0.4)
    assert (defaults.guidance_end_of(True), defaults.guidance_end_of(False)) == (0.4, 1.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"defaults": {"width": 100, "height": 64}},
        {"defaults": {"width": 128, "height": 64, "sampler": "heun"}},
        {"limits": {"max_pending_images": 0}},
        {"corsorigins": []},
    ],
)
def test_what_makes_no_sense_is_refused(settings):
    with pytest.raises(ValidationError):
        fakes.app_args(settings)


def test_settings_never_change_after_the_start():
    with pytest.raises(ValidationError):
        fakes.app_args().limits.max_steps = 1


def test_origins_are_compared_as_browsers_write_them():
    args = fakes.app_args({"cors_origins": ["https://Studio.Example/"]})
    assert args.cors_origins == ["https://studio.example"]


@pytest.mark.parametrize("settings", [EngineSettings, BatchSettings])
def test_a_batch_holds_something(settings):
    for size in (0, 257):
        with pytest.raises(ValidationError):
            settings(max_batch_size=size)
    with pytest.raises(ValidationError):
        settings(max_batch_sise=8)


def test_batching_of_a_deployment_is_read_by_its_name():
    path = PROJECT_ROOT / "serve_config.yaml"
    assert read_batching(path, "Classifier") == BatchSettings(
        max_batch_size=8, batch_wait_timeout_s=0.002
    )
    with pytest.raises(ValueError):
        read_batching(path, "Classifiers")


def test_the_cpus_of_a_deployment_are_read_by_its_name():
    path = PROJECT_ROOT / "serve_config.yaml"
    assert read_cpus(path, "Generator") == 0.3
    with pytest.raises(ValueError):
        read_cpus(path, "Generators")
