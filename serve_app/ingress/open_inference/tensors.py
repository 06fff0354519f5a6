"""Reads and writes tensors of the Open Inference Protocol; what a client sent is untrusted.

In binary, numbers are little-endian and each BYTES element is preceded by its length in 4 bytes. In
JSON, values are nested or flat, and encoded images are base64.
"""

import base64
import struct
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.errors import InvalidField, InvalidRequest, operators
from serve_app.ingress.checks import from_base64

Values = list[bytes] | NDArray[Any]
"""BYTES elements in row-major order, or an array."""

_DTYPES = {"FP32": "<f4", "INT32": "<i4", "INT64": "<i8"}
_KINDS: dict[str, set[type]] = {
    "BYTES": {str},
    "FP32": {int, float},
    "INT32": {int},
    "INT64": {int},
}


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of a model's signature; -1 in the shape is any number of 1 or more."""

    name: str
    datatype: str  # BYTES, FP32, INT32 or INT64
    shape: tuple[int, ...]
    optional: bool = False
    is_image: bool = False


def check_shape(spec: TensorSpec, datatype: str, shape: list[int], max_items: int) -> None:
    """Raise InvalidRequest where a tensor is not as in the signature; -1 is 1 to `max_items`."""
    if datatype != spec.datatype:
        raise InvalidRequest(f"{spec.name}: the datatype is {spec.datatype}")
    fits = len(shape) == len(spec.shape) and all(
        1 <= size <= max_items if expected == -1 else size == expected
        for size, expected in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        raise InvalidRequest(
            f"{spec.name}: the shape is {list(spec.shape)}, and not {shape!s:.60}; -1 stands "
            f"for 1 to {max_items} ({operators('limits.max_batch_items')})"
        )


def from_json(spec: TensorSpec, shape: list[int], data: list[Any]) -> Values:
    """The values, whose shape is already checked. Raises InvalidRequest if they do not fit it."""
    flat = data
    while flat and all(isinstance(each, list) for each in flat):
        flat = list(chain.from_iterable(flat))
    if len(flat) != prod(shape):
        raise InvalidRequest(f"{spec.name}: {len(flat)} values do not fill {shape}")
    # Checked before numpy, whose string arrays reserve the longest string's size for every element.
    if not {type(each) for each in flat} <= _KINDS[spec.datatype]:
        raise InvalidRequest(f"{spec.name}: not all values are {spec.datatype}")
    if spec.is_image:
        try:
            return [from_base64(each, spec.name) for each in flat]
        except InvalidField as error:
            raise InvalidRequest(str(error)) from error
    if spec.datatype == "BYTES":
        return [each.encode() for each in flat]
    try:
        with np.errstate(over="ignore"):  # infinities are refused below
            values = np.array(flat, _DTYPES[spec.datatype])
    except OverflowError as error:
        raise InvalidRequest(f"{spec.name}: a value is out of {spec.datatype}") from error
    return _finite(spec, values.reshape(shape))


def from_binary(spec: TensorSpec, shape: list[int], raw: memoryview) -> Values:
    """As `from_json`, from binary data that must be exactly the tensor's."""
    if spec.datatype == "BYTES":
        return _elements(spec.name, raw, prod(shape))
    dtype = np.dtype(_DTYPES[spec.datatype])
    if len(raw) != prod(shape) * dtype.itemsize:
        raise InvalidRequest(f"{spec.name}: {len(raw)} bytes do not fill {shape}")
    return _finite(spec, np.frombuffer(raw, dtype).reshape(shape))


def to_json(spec: TensorSpec, values: Values) -> list[Any]:
    """The values, flat."""
    if isinstance(values, np.ndarray):
        return values.ravel().tolist()
    if spec.is_image:
        return [base64.b64encode(each).decode("ascii") for each in values]
    return [each.decode() for each in values]


def to_binary(spec: TensorSpec, values: Values) -> bytes:
    if isinstance(values, np.ndarray):
        return values.astype(_DTYPES[spec.datatype], copy=False).tobytes()
    return b"".join(struct.pack("<I", len(each)) + each for each in values)


def _elements(name: str, raw: memoryview, count: int) -> list[bytes]:
    elements, at = [], 0
    for _ in range(count):
        if len(raw) - at < 4:
            raise InvalidRequest(f"{name}: the binary data end before {count} elements")
        (length,) = struct.unpack_from("<I", raw, at)
        at += 4
        if length > len(raw) - at:
            raise InvalidRequest(f"{name}: an element is longer than the binary data")
        elements.append(bytes(raw[at : at + length]))
        at += length
    if at != len(raw):
        raise InvalidRequest(f"{name}: the binary data hold more than {count} elements")
    return elements


def _finite(spec: TensorSpec, values: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(values).all():
        raise InvalidRequest(f"{spec.name}: a value is not finite")
    return values
