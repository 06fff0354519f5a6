"""Bodies of the Open Inference Protocol."""

import json
import tracemalloc

import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.open_inference.body import read_request
from serve_app.ingress.open_inference.tensors import TensorSpec

FLOATS = TensorSpec("pixel_values", "FP32", (-1, -1))


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": [{"name": "pixel_values", "datatype": "FP32", "shape": [1.5] * 100_000}]},
        {"inputs": [{"name": 3}] * 1000},
        {"inputs": [], "outputs": [{"name": 3}] * 1000},
    ],
)
def test_errors_are_not_collected_by_the_thousand(fields):
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest):
            read_request(json.dumps(fields).encode(), None, [FLOATS], [], 8)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
