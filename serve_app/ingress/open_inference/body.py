"""Bodies of the Open Inference Protocol over HTTP: a JSON header, behind it tensors in binary.

The header `Inference-Header-Content-Length` says where the JSON ends; without it all is JSON.
Raises InvalidRequest for anything that violates a signature.
"""

from typing import Any

import numpy as np
from pydantic import ValidationError

from serve_app.errors import InvalidRequest
from serve_app.ingress.json_body import MAX_NUMBERS, check_values
from serve_app.ingress.open_inference.request import (
    Description,
    InferenceRequest,
    Signature,
    read_tensors,
    refusal,
)
from serve_app.ingress.open_inference.tensors import TensorSpec, Values, to_binary, to_json

LENGTH_HEADER = "Inference-Header-Content-Length"


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


_SCHEMA = Description.model_json_schema()
REQUEST_SCHEMA: dict[str, Any] = _inlined(_SCHEMA, _SCHEMA["$defs"]) | {"title": "InferenceRequest"}
"""The JSON of a request in the OpenAPI document."""


def read_request(body: bytes, header_length: str | None, signature: Signature) -> InferenceRequest:
    """Read a request to a model of this signature."""
    header, raw = _split(body, header_length)
    check_values(header, MAX_NUMBERS)
    try:
        described = Description.model_validate_json(header)
    except ValidationError as error:
        raise refusal(error) from error
    return read_tensors(described, raw, signature)


def write_outputs(
    values: dict[str, Values], wanted: dict[TensorSpec, bool]
) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The `outputs` of the response's description, and the binary data of those in binary."""
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
    return described, raw


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
