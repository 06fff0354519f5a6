"""Tensors of the Open Inference Protocol, one by one, also such as nobody should send."""

import base64
import struct

import numpy as np
import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.open_inference.tensors import (
    TensorSpec,
    check_shape,
    from_binary,
    from_json,
    to_binary,
    to_json,
)

TEXT = TensorSpec("prompt", "BYTES", (-1,))
IMAGE = TensorSpec("image", "BYTES", (-1,), is_image=True)
FLOATS = TensorSpec("pixel_values", "FP32", (-1, 2))
SMALL = TensorSpec("scale", "INT32", (1,))
LARGE = TensorSpec("seed", "INT64", (1,))


def element(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


@pytest.mark.parametrize("elements", [[b""], [b"a", b"", b"\x00\xff" * 9], ["é".encode()]])
def test_bytes_go_there_and_back(elements):
    raw = b"".join(element(each) for each in elements)
    assert to_binary(TEXT, elements) == raw
    assert from_binary(TEXT, [len(elements)], memoryview(raw)) == elements
    images = [base64.b64encode(each).decode() for each in elements]
    assert to_json(IMAGE, elements) == images
    assert from_json(IMAGE, [len(elements)], images) == elements


def test_numbers_go_there_and_back():
    values = np.array([[1.5, -2], [3, 1e-30]], np.float32)
    raw = to_binary(FLOATS, values)
    assert raw[:4] == struct.pack("<f", 1.5)
    assert np.array_equal(from_binary(FLOATS, [2, 2], memoryview(raw)), values)
    assert np.array_equal(from_json(FLOATS, [2, 2], to_json(FLOATS, values)), values)
    assert np.array_equal(from_json(FLOATS, [2, 2], values.tolist()), values)
    seed = from_json(LARGE, [1], [-(2**63)])
    assert seed.dtype == np.int64 and int(seed[0]) == -(2**63)


def test_numbers_may_begin_at_an_odd_byte():
    raw = memoryview(b"x" + np.array([[1, 2]], "<f4").tobytes())[1:]
    assert from_binary(FLOATS, [1, 2], raw).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("spec", "shape", "raw"),
    [
        (TEXT, [1], b""),
        (TEXT, [1], b"\x01\x00\x00"),
        (TEXT, [1], b"\xff\xff\xff\xffabc"),
        (TEXT, [2], element(b"abc")),
        (TEXT, [1], element(b"abc") + b"d"),
        (TEXT, [1], element(b"abc") * 2),
        (FLOATS, [1, 2], b"\x00" * 7),
        (FLOATS, [1, 2], b"\x00" * 12),
        (FLOATS, [1, 2], struct.pack("<ff", 1, float("nan"))),
        (FLOATS, [1, 2], struct.pack("<ff", float("-inf"), 1)),
        (SMALL, [1], b"\x00" * 8),
        (LARGE, [1], b""),
    ],
)
def test_binary_data_that_does_not_fit_is_refused(spec, shape, raw):
    with pytest.raises(InvalidRequest, match=spec.name):
        from_binary(spec, shape, memoryview(raw))


@pytest.mark.parametrize(
    ("spec", "shape", "data"),
    [
        (TEXT, [1], []),
        (TEXT, [1], [3]),
        (TEXT, [1], [None]),
        (TEXT, [1], [["a"], ["b"]]),
        (TEXT, [2], ["a", ["b"]]),
        (IMAGE, [1], ["no base64!"]),
        (FLOATS, [1, 2], [1]),
        (FLOATS, [1, 2], ["1", "2"]),
        (FLOATS, [1, 2], [1, True]),
        (FLOATS, [1, 2], [1, float("nan")]),
        (FLOATS, [1, 2], [1, float("inf")]),
        (FLOATS, [1, 2], [1, 1e39]),
        (FLOATS, [1, 2], [1, 10**400]),
        (FLOATS, [1, 2], [[1, 2], [3]]),
        (FLOATS, [1, 2], [{}, []]),
        (SMALL, [1], [1.0]),
        (SMALL, [1], [2**31]),
        (LARGE, [1], [2**63]),
        (LARGE, [1], [[[]]]),
    ],
)
def test_json_data_that_do_not_fit_are_refused(spec, shape, data):
    with pytest.raises(InvalidRequest, match=spec.name):
        from_json(spec, shape, data)


@pytest.mark.parametrize(
    ("spec", "datatype", "shape"),
    [
        (FLOATS, "FP64", [1, 2]),
        (FLOATS, "", [1, 2]),
        (FLOATS, "FP32", [2]),
        (FLOATS, "FP32", []),
        (FLOATS, "FP32", [1, 3]),
        (FLOATS, "FP32", [1, 2, 1]),
        (FLOATS, "FP32", [0, 2]),
        (FLOATS, "FP32", [-1, 2]),
        (FLOATS, "FP32", [9, 2]),
        (FLOATS, "FP32", [10**30, 2]),
        (SMALL, "INT32", [2]),
    ],
)
def test_another_signature_is_refused(spec, datatype, shape):
    with pytest.raises(InvalidRequest, match=spec.name):
        check_shape(spec, datatype, shape, max_items=8)


def test_as_many_items_as_the_limit_are_taken():
    check_shape(FLOATS, "FP32", [1, 2], max_items=8)
    check_shape(FLOATS, "FP32", [8, 2], max_items=8)
