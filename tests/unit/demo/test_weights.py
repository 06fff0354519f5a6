"""The trained folders in the tree: small, safe to load, and in the standard classes."""

import diffusers
import numpy as np
import pytest
import torch

from demo.export import WEIGHTS
from demo.served import Captioner, Classifier, Generator, Upscaler
from demo.shapes import Scene, Shape, render

PICTURE = render(Scene((Shape("star", "red", 0.5, 0.5, 0.35),), "white"))


def test_all_weights_are_safetensors_of_at_most_40_mb():
    files = [path for path in WEIGHTS.rglob("*") if path.is_file()]
    suffixes = {path.suffix for path in files}
    assert suffixes <= {".safetensors", ".json", ".txt", ".md", ".png"}  # of the model card, too
    assert sum(path.stat().st_size for path in files) <= 40e6


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator()


@pytest.fixture(scope="module")
def pipeline() -> diffusers.StableDiffusionPipeline:
    """The folder as diffusers alone loads it."""
    return diffusers.StableDiffusionPipeline.from_pretrained(
        WEIGHTS / "generator", dtype=torch.float32, safety_checker=None
    )


def test_the_generator_is_a_standard_pipeline_of_128_pixels(pipeline):
    assert isinstance(pipeline, diffusers.StableDiffusionPipeline)
    assert pipeline.unet.config.sample_size * pipeline.vae_scale_factor == 128
    assert pipeline.tokenizer.model_max_length == 77
    assert pipeline.scheduler.config.prediction_type == "v_prediction"


def test_the_generator_follows_prompt_and_edges_and_its_seed(generator):
    prompt = "a green star on a yellow background"
    image = generator.draw(prompt, 1, PICTURE)
    assert np.array_equal(image, generator.draw(prompt, 1, PICTURE))
    assert image[64, 64].argmax() == 1
    assert image[4, 4].argmin() == 2


def test_words_of_the_world_are_one_token_and_others_are_letters(pipeline):
    tokens = pipeline.tokenizer.tokenize("A red STAR, zqx")
    assert tokens[:3] == ["a</w>", "red</w>", "star</w>"]
    assert len(tokens) > 5


def test_the_captioner_answers_in_lower_case_words():
    assert Captioner().describe(PICTURE) == "a red star on a white background"


@pytest.mark.parametrize("scale", [2, 4])
def test_the_upscalers_take_any_size(scale):
    enlarged = Upscaler(scale).enlarge(PICTURE[:50, :37])
    assert enlarged.shape == (50 * scale, 37 * scale, 3)
    assert enlarged.dtype == np.uint8


def test_the_classifier_names_the_shape():
    assert Classifier().label(PICTURE) == "star"
