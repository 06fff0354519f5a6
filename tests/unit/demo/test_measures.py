"""The evaluation's measures, on pictures whose answer is known."""

import numpy as np

from demo import measures
from demo.control import sample_control, sketch
from demo.shapes import Scene, Shape, render

SCENE = Scene(
    (Shape("square", "blue", 0.3, 0.5, 0.2), Shape("ring", "red", 0.7, 0.5, 0.2)), "white"
)
PAIRS = [("red", "circle", False), ("blue", "star", False)]


def test_colors_are_found_where_the_shapes_are():
    image = render(SCENE)
    assert measures.shape_colors(image, SCENE) == ["blue", "red"]
    assert measures.background_color(image, SCENE) == "white"
    assert measures.color_set(image) == {"blue", "red", "white"}


def test_captions_are_compared_as_words():
    assert measures.same_words("a red ring and a blue star", "a blue star and a red ring")
    assert not measures.same_words("a red star and a blue star", "a blue star and a red ring")


def test_pairs_are_counted_once_each():
    assert measures.share_of_pairs(PAIRS, PAIRS) == 1
    assert measures.share_of_pairs(PAIRS[:1], PAIRS) == 0.5
    assert measures.share_of_pairs(PAIRS[:1], PAIRS[:1] * 2) == 0.5


def test_controls_are_edge_maps_of_the_asked_size():
    rng = np.random.default_rng(0)
    for _ in range(10):
        control = sample_control(rng, SCENE, 128)
        assert control.shape == (128, 128)
        assert set(np.unique(control)) <= {0, 255}
    assert sketch(rng, SCENE, 64).shape == (64, 64, 3)
