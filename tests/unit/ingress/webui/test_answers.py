import json
from dataclasses import replace

import numpy as np

from serve_app.ingress.webui.answers import info_of, parameters_echoed
from serve_app.ingress.webui.conversion import Asked
from serve_app.ingress.webui.schema import ImageToImage, TextToImage
from serve_app.pipeline import Composition, Finished
from tests import fakes
from tests.pipelines import REQUEST

ARGS = fakes.app_args()
ASKED = Asked(REQUEST, Composition(), 2, ["tiling"])
IMAGES = [Finished(np.zeros((64, 128, 3), np.uint8), seed, None, []) for seed in (7, 8)]


def test_what_made_the_images():
    body = TextToImage(sampler_name="Euler a", batch_size=2)
    info = json.loads(info_of(body, ASKED, IMAGES, ARGS, False, None))
    assert (info["sampler_name"], info["batch_size"]) == ("Euler a", 2)
    assert (info["all_seeds"], info["width"], info["height"]) == ([7, 8], 128, 64)
    assert (info["sd_model_name"], info["ignored"]) == ("demo", ["tiling"])
    assert "Seed: 8" in info["infotexts"][1]


def test_the_size_is_that_of_the_images_that_are_sent():
    asked = replace(ASKED, composition=Composition(resize=(512, 256)))
    info = json.loads(info_of(TextToImage(), asked, IMAGES, ARGS, False, None))
    assert (info["width"], info["height"]) == (512, 256)
    info = json.loads(info_of(TextToImage(), ASKED, [], ARGS, True, None))
    assert (info["width"], info["height"], info["interrupted"]) == (128, 64, True)


def test_the_request_comes_back_without_its_pictures():
    body = ImageToImage(init_images=["…"], prompt="a star", unheard_of=1)
    plain = {"init_images": None, "prompt": "a star", "unheard_of": 1}
    assert parameters_echoed(body) == plain
    assert parameters_echoed(body, pictures=True)["init_images"] == ["…"]
