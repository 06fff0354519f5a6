"""Bodies of the Open Inference Protocol: a JSON header, and behind it the tensors in binary.

    {"inputs": [{"name", "datatype", "shape", "data" or "parameters": {"binary_data_size"}}, …]}
    raw bytes of the first binary tensor, of the second, …

The header `Inference-Header-Content-Length` says where the JSON ends; without it all is JSON.
Knows signatures but no models. Raises InvalidRequest for anything that violates a signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from serve_app.errors import InvalidRequest
from serve_app.ingress.json_body import MAX_NUMBERS, check_values
from serve_app.ingress.open_inference.tensors import (
    TensorSpec,
    Values,
    check_shape,
    from_binary,
    from_json,
    to_binary,
    to_json,
)
from serve_app.ingress.problems import invalid_field
from serve_app.ingress.schema import Body

LENGTH_HEADER = "Inference-Header-Content-Length"
_MAX_DIMENSIONS = 8
_MAX_TENSORS = 16  # pydantic tells of each that is wrong


class _Parameters(Body):
    binary_data_size: int | None = Field(None, ge=0)
    binary_data: bool | None = None
    binary_data_output: bool | None = None
    shared_memory_region: str | None = None
    classification: int | None = None


class _Input(Body):
    name: str
    datatype: str
    shape: list[int] = Field(max_length=_MAX_DIMENSIONS)
    parameters: _Parameters = _Parameters()
    data: list[Any] | None = None


class _Output(Body):
    name: str
    parameters: _Parameters = _Parameters()


class _Request(Body):
    id: str | None = None
    inputs: list[_Input] = Field(max_length=_MAX_TENSORS)
    outputs: list[_Output] | None = Field(None, max_length=_MAX_TENSORS)
    parameters: _Parameters = _Parameters()


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema without references, which would point elsewhere inside another document."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        return _inlined(named | {key: schema[key] for key in schema if key != "$ref"}, definitions)
    return {key: _inlined(each, definitions) for key, each in schema.items() if key != "$defs"}


_SCHEMA = _Request.model_json_schema()
REQUEST_SCHEMA: dict[str, Any] = _inlined(_SCHEMA, _SCHEMA["$defs"]) | {"title": "InferenceRequest"}
"""The JSON of a request in the OpenAPI document."""


@dataclass(frozen=True)
class InferenceRequest:
    """A parsed request; `outputs` maps each requested output to whether it is sent as binary
    data."""

    id: str | None
    inputs: dict[str, Values]
    outputs: dict[TensorSpec, bool]


def read_request(
    body: bytes,
    header_length: str | None,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    max_items: int,
) -> InferenceRequest:
    """Read a request to a model of this signature; -1 in its shapes is at most `max_items`."""
    header, raw = _split(body, header_length)
    check_values(header, MAX_NUMBERS)
    try:
        request = _Request.model_validate_json(header)
    except ValidationError as error:
        raise InvalidRequest(str(invalid_field(error.errors(include_input=False)))) from error
    offered = {spec.name: spec for spec in inputs}
    values: dict[str, Values] = {}
    for tensor in request.inputs:
        if tensor.name not in offered or tensor.name in values:
            raise InvalidRequest(f"the inputs are {', '.join(offered)}, each once")
        spec = offered[tensor.name]
        check_shape(spec, tensor.datatype, tensor.shape, max_items)
        size = tensor.parameters.binary_data_size
        if size is None:
            if tensor.data is None:
                raise InvalidRequest(f"{spec.name}: neither data nor binary_data_size is there")
            values[spec.name] = from_json(spec, tensor.shape, tensor.data)
            continue
        if size > len(raw):
            raise InvalidRequest(f"{spec.name}: of {size} bytes of binary data {len(raw)} came")
        values[spec.name] = from_binary(spec, tensor.shape, raw[:size])
        raw = raw[size:]
    if raw:
        raise InvalidRequest(f"{len(raw)} bytes of binary data are left over")
    missing = [spec.name for spec in inputs if not spec.optional and spec.name not in values]
    if missing:
        raise InvalidRequest(f"missing inputs: {', '.join(missing)}")
    return InferenceRequest(request.id, values, _wanted(request, outputs))


def write_outputs(
    values: dict[str, Values], wanted: dict[TensorSpec, bool]
) -> tuple[list[dict[str, Any]], bytes]:
    """The `outputs` of the response's JSON, and the binary data to append to it."""
    described, raw = [], []
    for spec, binary in wanted.items():
        value = values[spec.name]
        shape = list(value.shape) if isinstance(value, np.ndarray) else [len(value)]
        tensor: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": shape}
        if binary:
            raw.append(to_binary(spec, value))
            tensor["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            tensor["data"] = to_json(spec, value)
            if spec.is_image:
                tensor["parameters"] = {"content_type": "base64"}
        described.append(tensor)
    return described, b"".join(raw)


def _split(body: bytes, header_length: str | None) -> tuple[bytes, memoryview]:
    """Split the JSON from the binary data after it, which is a view because images are large."""
    if header_length is None:
        return body, memoryview(b"")
    if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 16):
        raise InvalidRequest(f"{LENGTH_HEADER} is no number of bytes")
    end = int(header_length)
    if end > len(body):
        raise InvalidRequest(f"{LENGTH_HEADER} is {end}, but the body has {len(body)} bytes")
    return body[:end], memoryview(body)[end:]


def _wanted(request: _Request, outputs: Sequence[TensorSpec]) -> dict[TensorSpec, bool]:
    binary = bool(request.parameters.binary_data_output)
    if not request.outputs:
        return dict.fromkeys(outputs, binary)
    offered = {spec.name: spec for spec in outputs}
    wanted = {}
    for output in request.outputs:
        if output.name not in offered:
            raise InvalidRequest(f"the outputs are {', '.join(offered)}")
        asked = output.parameters
        if asked.shared_memory_region is not None or asked.classification is not None:
            raise InvalidRequest(f"{output.name}: neither shared memory nor classification")
        wanted[offered[output.name]] = binary if asked.binary_data is None else asked.binary_data
    return wanted
