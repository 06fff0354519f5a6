"""Measures on pictures whose answer is known."""

import numpy as np
import pytest

from serve_app.imaging.canny import find_edges
from serve_app.imaging.comparison import edge_f1, psnr
from tests.images import sketch


def test_edges_match_themselves_within_the_tolerance_only():
    edges = find_edges(np.asarray(sketch(128, 128)), 100, 200)
    assert edge_f1(edges, edges) == 1
    assert edge_f1(np.roll(edges, 2, axis=1), edges) == 1
    assert edge_f1(np.roll(edges, 20, axis=0), edges) < 0.6
    assert edge_f1(np.zeros_like(edges), edges) == 0
    assert edge_f1(np.zeros_like(edges), np.zeros_like(edges)) == 1


def test_psnr_of_a_known_error():
    image = np.full((8, 8, 3), 100, dtype=np.uint8)
    assert psnr(image + 1, image) == pytest.approx(48.13, abs=0.01)
    assert psnr(image, image) == pytest.approx(78.13, abs=0.01)
