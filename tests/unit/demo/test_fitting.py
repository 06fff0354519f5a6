"""Shapes judged by their outlines."""

import cv2
import numpy as np
import pytest

from demo import measures
from demo.fitting import outline_distance, regions
from demo.heldout import held_out_scenes
from demo.shapes import Scene, Shape, render


def test_true_renders_are_what_they_are():
    for scene in held_out_scenes(8, "fitting"):
        wanted = sorted((shape.color, shape.kind) for shape in scene.shapes)
        assert sorted((each.color, each.kind) for each in regions(render(scene))) == wanted
        assert max(measures.outline_distances(render(scene), scene)) < 1


def test_a_puddle_is_no_kind():
    puddle = Scene((Shape("blob", "red", 0.5, 0.5, 0.3, variant=3),), "white")
    letter = Scene((Shape("letter", "red", 0.5, 0.5, 0.3, variant=6),), "white")
    assert [each.kind for each in regions(render(puddle)) + regions(render(letter))] == [None] * 2


@pytest.mark.parametrize("shift", [2, 4])
def test_a_square_that_is_moved_is_that_far_from_its_place(shift):
    mask = np.zeros((128, 128), dtype=bool)
    mask[40:80, 40 + shift : 80 + shift] = True
    square = np.array([[40, 40], [80, 40], [80, 80], [40, 80]]) - 0.5
    assert outline_distance(mask, [square]) == pytest.approx(shift / 2, rel=0.3)


def test_a_rounded_square_is_farther_than_a_square():
    square = np.zeros((128, 128), np.uint8)
    cv2.rectangle(square, (40, 40), (80, 80), 1, -1)
    rounded = cv2.morphologyEx(
        square, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (27, 27))
    )
    corners = np.array([[39.5, 39.5], [80.5, 39.5], [80.5, 80.5], [39.5, 80.5]])
    assert outline_distance(square > 0, [corners]) < 0.3
    assert outline_distance(rounded > 0, [corners]) > 1
