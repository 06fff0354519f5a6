"""The parts that an image file is made of."""

import numpy as np
from PIL import Image

from serve_app.imaging import codec
from tests.images import encoded

LIMIT = 4096 * 4096


def test_restart_markers_are_no_segments():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (1024, 1024, 3), np.uint8))
    data = encoded(noise, "JPEG", restart_marker_blocks=1, subsampling=0)
    assert data.count(b"\xff\xd0") > 1000
    assert codec.decode(data, LIMIT).shape == (1024, 1024, 3)
