import numpy as np

from serve_app.imaging.canny import find_edges, read_edges
from tests.images import sketch


def test_edges_lie_on_the_outline_only():
    edges = find_edges(np.asarray(sketch(200, 200)), 100, 200)
    assert edges.shape == (200, 200)
    assert edges.dtype == np.uint8
    assert set(np.unique(edges)) == {0, 255}
    assert edges[100, 15:25].any()  # the circle's left rim
    assert not edges[:40].any()  # nothing on the plain background


def test_higher_thresholds_find_less():
    grey = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], (64, 1, 3))
    grey[:, 32:] = np.minimum(255, grey[:, 32:].astype(int) + 40).astype(np.uint8)
    assert find_edges(grey, 10, 20).sum() >= find_edges(grey, 200, 250).sum()


def test_an_edge_map_is_taken_as_it_is():
    map_of = np.zeros((4, 6, 3), np.uint8)
    map_of[1, 2] = (0, 255, 10)
    edges = read_edges(map_of)
    assert edges.shape == (4, 6) and edges[1, 2] == 255 and edges.sum() == 255
