"""The request that the job makes of its options; the image that it makes: tests/integration."""

from argparse import Namespace

import numpy as np
import pytest
import torch

from serve_app.errors import UnsupportedImage
from serve_app.imaging.png_parameters import hash_of, read_parameters
from serve_app.jobs.generate import compute_as_replicas, work_of
from serve_app.model_config import PROJECT_ROOT
from tests import fakes
from tests.images import encoded, sketch

SETTINGS = fakes.app_args({"defaults": {"width": 128, "height": 64, "guidance_end": 0.4}})
OPTIONS = {
    "prompt": "a red circle", "negative_prompt": "", "control": None, "image": None,
    "strength": None, "seed": 7, "steps": None, "sampler": None,
}  # fmt: skip


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "in.png"
    path.write_bytes(encoded(sketch(300, 300)))
    return path


def made(**options):
    return work_of(Namespace(**OPTIONS | options), SETTINGS)[0]


def told(**options):
    return read_parameters(work_of(Namespace(**OPTIONS | options), SETTINGS)[1])


def test_its_png_says_what_the_services_would(picture):
    plain = told(steps=3, sampler="euler_a")
    assert (plain["Seed"], plain["Steps"], plain["Sampler"]) == ("7", "3", "Euler a")
    assert plain["Model"] == "demo" and "Image hash" not in plain
    both = told(control=picture, image=picture, strength=0.5)
    assert both["Image hash"] == both["Control image hash"] == hash_of(picture.read_bytes())
    assert both["Denoising strength"] == "0.5" and both["ControlNet 0"]


@pytest.mark.parametrize(("given", "threads"), [({}, 1), ({"OMP_NUM_THREADS": "3"}, None)])
def test_it_computes_on_as_many_threads_as_a_replica(given, threads, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    compute_as_replicas(PROJECT_ROOT / "serve_config.yaml")
    assert asked == ([threads] if threads else [])


def test_what_is_left_out_is_the_services_default():
    work, defaults = made(), SETTINGS.defaults
    assert (work.request.width, work.request.height, work.request.seed) == (128, 64, 7)
    assert work.request.num_inference_steps == defaults.num_inference_steps
    assert work.request.guidance_end == 1.0 and work.edges is work.image is None


def test_what_is_given_counts():
    request = made(steps=3, sampler="euler", strength=0.5, negative_prompt="blur").request
    assert (request.num_inference_steps, request.sampler, request.strength) == (3, "euler", 0.5)
    assert request.negative_prompt == "blur"


def test_pictures_come_at_the_size_of_the_result(picture):
    work = made(control=picture, image=picture)
    assert work.edges.shape == (64, 128) and set(np.unique(work.edges)) == {0, 255}
    assert work.image.shape == (64, 128, 3)
    assert work.request.guidance_end == 0.4, "edges steer"


def test_what_is_no_picture_is_refused(tmp_path):
    path = tmp_path / "in.png"
    path.write_text("no image")
    with pytest.raises(UnsupportedImage):
        made(image=path)
