"""The demo's world: deterministic, told by its captions, and split without a leak."""

import numpy as np
import pytest

from demo.outlines import KINDS, outline
from demo.prompts import reorder, sample_prompt
from demo.shapes import (
    COLORS,
    Scene,
    Shape,
    caption,
    is_held_out,
    parse_caption,
    render,
    sample_scene,
)

EXAMPLE = Scene(
    shapes=(
        Shape("circle", "red", 0.2, 0.5, 0.15),
        Shape("star", "orange", 0.5, 0.5, 0.15),
        Shape("ring", "green", 0.8, 0.5, 0.15),
    ),
    background="yellow",
)


def draw_scenes(number: int, seed: int = 0, **options) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, **options) for _ in range(number)]


def test_a_seed_gives_the_same_scenes_and_pixels():
    first, second = (draw_scenes(20, held_out=False, wide=0.5) for _ in range(2))
    assert first == second
    assert all(np.array_equal(render(a), render(b)) for a, b in zip(first, second, strict=True))


def test_a_render_shows_the_palette_where_the_shapes_are():
    image = render(EXAMPLE)
    assert image.shape == (128, 128, 3)
    assert image.dtype == np.uint8
    assert tuple(image[64, 25]) == COLORS["red"]
    assert tuple(image[64, 64]) == COLORS["orange"]
    assert tuple(image[64, 102]) == COLORS["yellow"]  # the hole of the ring
    assert tuple(image[2, 2]) == COLORS["yellow"]


def test_the_caption_is_english():
    assert caption(EXAMPLE) == (
        "a red circle, an orange star and a green ring on a yellow background"
    )


def test_captions_read_back():
    for scene in draw_scenes(200, held_out=False, wide=0.7):
        shapes, background = parse_caption(caption(scene))
        assert shapes == [(s.color, s.kind, s.striped) for s in scene.shapes]
        assert background == scene.background


def test_the_split_has_no_leak_and_no_missing_pair():
    trained = draw_scenes(1500, held_out=False)
    held_out = draw_scenes(200, held_out=True)
    assert not any(map(is_held_out, trained))
    assert all(map(is_held_out, held_out))
    assert not {caption(s) for s in trained} & {caption(s) for s in held_out}
    pairs = {(shape.color, shape.kind) for scene in trained for shape in scene.shapes}
    assert len(pairs) == len(COLORS) * 5


def test_the_order_of_the_shapes_does_not_change_the_side_of_the_split():
    for scene in draw_scenes(50, held_out=True):
        assert is_held_out(Scene(scene.shapes[::-1], scene.background))


def test_shapes_do_not_touch():
    for scene in draw_scenes(100, held_out=False, count=3):
        covered = sum((shape.mask(128) > 0).astype(int) for shape in scene.shapes)
        assert covered.max() == 1


def test_two_alike_can_be_asked_for_and_ruled_out():
    for scene in draw_scenes(30, held_out=False, count=2, same_kind=True):
        assert scene.shapes[0].kind == scene.shapes[1].kind
    for scene in draw_scenes(30, held_out=False, count=3, same_kind=False):
        assert len({shape.kind for shape in scene.shapes}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_outline_fits_the_unit_circle(kind):
    for variant in range(10):
        assert all(np.linalg.norm(c, axis=1).max() < 1.02 for c in outline(kind, variant))


def test_reordering_keeps_shapes_of_one_kind_from_left_to_right():
    rng = np.random.default_rng(0)
    for scene in draw_scenes(50, held_out=False, count=3, same_kind=True):
        shapes = reorder(rng, scene)
        assert sorted(shapes, key=lambda s: s.x) == list(scene.shapes)
        for kind in {shape.kind for shape in shapes}:
            columns = [shape.x for shape in shapes if shape.kind == kind]
            assert columns == sorted(columns)


def test_prompts_are_plain_loose_partial_and_empty():
    rng = np.random.default_rng(0)
    prompts = [sample_prompt(rng, EXAMPLE) for _ in range(500)]
    assert caption(EXAMPLE) in prompts
    assert 0.05 < prompts.count("") / 500 < 0.16
    assert len(set(prompts)) > 100
