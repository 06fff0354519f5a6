"""What the throw-away losses name, and the damage that keeps what they name."""

import numpy as np

from demo.degrade import warp
from demo.hints import repetitions_of
from demo.outlines import KINDS
from demo.patches import covering_shape, patch_labels
from demo.shapes import COLORS, Scene, Shape, render

SCENE = Scene(
    shapes=(
        Shape("star", "red", 0.2, 0.5, 0.15),
        Shape("ring", "green", 0.5, 0.2, 0.15),
        Shape("star", "blue", 0.8, 0.5, 0.15),
    ),
    background="yellow",
)
# The patches of an 8 x 8 grid at the middle of each star, and in a corner.
FIRST, SECOND, CORNER = (4, 1), (4, 6), (7, 7)


def test_a_patch_is_covered_by_the_shape_there():
    covering = covering_shape(SCENE, 8).reshape(8, 8)
    assert [covering[place] for place in (FIRST, SECOND, CORNER)] == [0, 2, -1]


def test_a_patch_has_the_kind_and_colour_of_its_shape_or_the_background():
    kinds, colors = (labels.reshape(8, 8) for labels in patch_labels(SCENE, 8))
    names = list(COLORS)
    assert [kinds[place] for place in (FIRST, CORNER)] == [KINDS.index("star") + 1, 0]
    assert [names[colors[place]] for place in (FIRST, SECOND, CORNER)] == ["red", "blue", "yellow"]


def test_shapes_of_one_kind_are_counted_from_the_left():
    (repetitions,) = repetitions_of(SCENE, 8)
    repetitions = repetitions.reshape(8, 8)
    assert [repetitions[place] for place in (FIRST, SECOND, CORNER)] == [1, 2, 0]
    assert repetitions.max() == 2


def test_a_warp_moves_edges_a_little_and_keeps_the_colours():
    image = render(SCENE)
    warped = warp(np.random.default_rng(0), image, 3.0)
    assert warped.shape == image.shape
    changed = (warped != image).any(-1).mean()
    assert 0.01 < changed < 0.15
    assert np.array_equal(warped[64, 26], image[64, 26])
