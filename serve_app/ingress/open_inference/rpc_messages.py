"""Requests and responses of the Open Inference Protocol over gRPC, to and from what HTTP sends too.

Tensors come as raw bytes, or value by value in a field of their datatype; they leave as raw bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from google.protobuf.message import Message
from pydantic import BaseModel, ValidationError
from tritonclient.grpc import service_pb2 as pb

from serve_app.errors import InvalidRequest
from serve_app.ingress.open_inference.body import write_outputs
from serve_app.ingress.open_inference.description import VERSION
from serve_app.ingress.open_inference.request import (
    MAX_DIMENSIONS,
    MAX_TENSORS,
    Description,
    InferenceRequest,
    RequestParameters,
    Signature,
    TensorParameters,
    read_tensors,
    refusal,
)
from serve_app.ingress.open_inference.tensors import TensorSpec, Values, to_binary

_CONTENTS = {
    "BYTES": "bytes_contents",
    "FP32": "fp32_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
}


def read_request(message: Message, signature: Signature) -> InferenceRequest:
    """Read a `ModelInferRequest` to a model of this signature. Raises InvalidRequest."""
    sent: Any = message
    if max(len(sent.inputs), len(sent.outputs)) > MAX_TENSORS:
        raise InvalidRequest(f"at most {MAX_TENSORS} inputs and outputs")
    if sent.raw_input_contents and len(sent.raw_input_contents) != len(sent.inputs):
        raise InvalidRequest("raw_input_contents: as many as there are inputs, or none")
    raws = list(sent.raw_input_contents) or [_raw(tensor) for tensor in sent.inputs]
    fields = {
        "id": sent.id or None,
        "parameters": _known(sent.parameters, RequestParameters),
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.shape[: MAX_DIMENSIONS + 1]),
                "parameters": _known(tensor.parameters, TensorParameters)
                | {"binary_data_size": len(raw)},
            }
            for tensor, raw in zip(sent.inputs, raws, strict=True)
        ],
        "outputs": [
            {"name": each.name, "parameters": _known(each.parameters, TensorParameters)}
            for each in sent.outputs
        ],
    }
    try:
        described = Description.model_validate(fields)
    except ValidationError as error:
        raise refusal(error) from error
    return read_tensors(described, memoryview(b"".join(raws)), signature)


def write_response(
    name: str, values: Mapping[str, Values], request: InferenceRequest
) -> pb.ModelInferResponse:
    """All of the wanted outputs, as raw bytes."""
    described, raw = write_outputs(dict(values), dict.fromkeys(request.outputs, True))
    return pb.ModelInferResponse(
        model_name=name,
        model_version=VERSION,
        id=request.id or "",
        outputs=[
            {key: tensor[key] for key in ("name", "datatype", "shape")} for tensor in described
        ],
        raw_output_contents=raw,
    )


def _raw(tensor: Any) -> bytes:
    """A tensor that came value by value, as raw bytes."""
    field = _CONTENTS.get(tensor.datatype)
    if field is None:  # no model takes another, so it is refused with the signature
        return b""
    values: Iterable[Any] = getattr(tensor.contents, field)
    spec = TensorSpec(tensor.name, tensor.datatype, (-1,))
    return to_binary(spec, list(values) if tensor.datatype == "BYTES" else np.array(values))


def _known(parameters: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Of a message's parameters those that mean something; there may be any number of others."""
    known = {name: parameters[name] for name in model.model_fields if name in parameters}
    choices = {name: value.WhichOneof("parameter_choice") for name, value in known.items()}
    return {name: getattr(known[name], choice) for name, choice in choices.items() if choice}
