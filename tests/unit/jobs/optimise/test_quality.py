"""What passes: judged against eager's outputs for the same inputs."""

import numpy as np
import pytest

from serve_app.jobs.optimise.quality import QUALITY, failures
from serve_app.jobs.optimise.subjects import Drawn

GREY = np.full((8, 8, 3), 100, np.uint8)


def test_a_generator_may_lose_a_point_of_its_edges_and_of_the_words():
    eager = {"psnr_db": 78.0, "edge_f1": 97.0, "word_f1": 100.0}
    good = {"psnr_db": 41.0, "edge_f1": 96.0, "word_f1": 99.0, "batch_difference": 1.0}
    assert failures("generator", good, eager) == []
    assert failures("generator", good | {"psnr_db": 39.0}, eager) == ["psnr_db 39.0 is below 40"]
    assert failures("generator", good | {"edge_f1": 95.0}, eager) == ["edge_f1 loses 2.0, over 1"]
    assert failures("generator", good | {"word_f1": 98.0}, eager) == ["word_f1 98.0 is below 99"]
    assert failures("generator", good | {"batch_difference": 3.0, "psnr_db": float("nan")}, eager)


def test_a_captioner_may_change_a_caption_in_a_hundred_and_none_by_its_batch():
    good = {"same_captions": 99.0, "batch_difference": 0.0}
    assert failures("captioner", good, {}) == []
    assert failures("captioner", good | {"same_captions": 98.9}, {})
    assert failures("captioner", good | {"batch_difference": 1.0}, {}) == [
        "batch_difference 1.0 is over 0"
    ]


def test_an_upscaler_may_be_45_db_off():
    assert failures("upscaler", {"psnr_db": 45.0, "batch_difference": 1.0}, {}) == []
    assert failures("upscaler", {"psnr_db": 44.9, "batch_difference": 2.0}, {}) == [
        "psnr_db 44.9 is below 45",
        "batch_difference 2.0 is over 1",
    ]


def test_the_measures_compare_with_eager():
    eager = [
        Drawn(GREY, "a red ring and a blue star", 1.0),
        Drawn(GREY, "a cat, a dog", 0.8),
        Drawn(GREY, "", None),
    ]
    made = [
        Drawn(GREY + 1, "a blue star and a red ring", 0.9),
        Drawn(GREY + 1, "a cat", 0.7),
        Drawn(GREY + 1, "", None),
    ]
    found = QUALITY["generator"](made, eager)
    assert found["psnr_db"] == pytest.approx(48.13, abs=0.01)
    assert found["edge_f1"] == pytest.approx(80)
    assert found["word_f1"] == pytest.approx(100 * (14 + 4) / (14 + 6))
    assert QUALITY["captioner"](["a", "b"], ["a", "b c"]) == {"same_captions": 50}
    # One bad picture counts with all its pixels.
    assert QUALITY["upscaler"]([GREY, GREY + 20], [GREY, GREY])["psnr_db"] < 26
