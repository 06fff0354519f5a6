"""A picture against its control image and its reference."""

import numpy as np
import pytest
from PIL import Image

from serve_app.jobs.evaluate.generation.likeness import measured
from serve_app.jobs.folders import options
from tests.images import sketch

SETTINGS = options.service_settings(options.DEFAULT_CONFIG)


@pytest.fixture
def saved(tmp_path):
    def save(image):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.png"
        image.save(path)
        return str(path)

    return save


def test_the_same_picture_is_as_near_as_can_be(saved):
    image = sketch(128, 128)
    path, pixels = saved(image), np.asarray(image)
    scores, problems = measured(pixels, path, path, SETTINGS)
    assert scores["edge_f1"] == 1 and scores["psnr"] == pytest.approx(78, abs=0.2)
    assert not problems
    scores, problems = measured(pixels, None, None, SETTINGS)
    assert scores == {"edge_f1": None, "psnr": None} and not problems


def test_another_picture_is_not(saved):
    scores, _ = measured(
        np.asarray(sketch(128, 128).rotate(90)), saved(sketch(128, 128)), None, SETTINGS
    )
    assert scores["edge_f1"] < 0.8


def test_a_control_of_another_size_is_resized_and_a_reference_is_not(saved):
    pixels, large = np.asarray(sketch(128, 128)), saved(sketch(256, 256))
    scores, problems = measured(pixels, large, large, SETTINGS)
    assert scores["edge_f1"] > 0.9 and scores["psnr"] is None
    assert problems == ["the reference is 256x256, the picture 128x128: no PSNR"]


def test_what_is_gone_is_a_problem(saved):
    path = saved(Image.new("RGB", (8, 8)))
    scores, problems = measured(np.zeros((8, 8, 3), np.uint8), path + "x", None, SETTINGS)
    assert scores["edge_f1"] is None and len(problems) == 1
