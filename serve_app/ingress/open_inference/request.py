"""An inference request as both of the protocol's transports bring it: described, then tensors.

    {"id", "inputs": [{"name", "datatype", "shape", "data" or "parameters": {"binary_data_size"}}],
     "outputs": [{"name", "parameters"}], "parameters": {"priority", "timeout", …}}

HTTP sends this as JSON, gRPC as a message of the same fields. Knows signatures but no models.
Raises InvalidRequest for anything that violates a signature.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, StrictInt, StrictStr, ValidationError

from serve_app.errors import InvalidRequest
from serve_app.ingress.open_inference.tensors import (
    TensorSpec,
    Values,
    check_shape,
    from_binary,
    from_json,
)
from serve_app.ingress.problems import invalid_field
from serve_app.ingress.schema import Body
from serve_app.messages import Terms

MAX_TENSORS = 16
"""Of a request: pydantic tells of each that is wrong."""

MAX_DIMENSIONS = 8
PRIORITY_LEVELS, DEFAULT_PRIORITY = 21, 11
"""1 is served first; a level counts as 10 s of waiting, as does a point of the API's `priority`."""

_MAX_TIMEOUT_US = 24 * 60 * 60 * 1_000_000


class TensorParameters(Body):
    binary_data_size: int | None = Field(
        None, ge=0, description="of an input: so many bytes behind the JSON are its data"
    )
    binary_data: bool | None = Field(None, description="of an output: send it behind the JSON")
    shared_memory_region: str | None = Field(None, description="not offered")
    classification: int | None = Field(None, description="not offered")


class RequestParameters(Body):
    binary_data_output: bool | None = Field(
        None, description="send outputs behind the JSON that do not say otherwise"
    )
    timeout: int | None = Field(
        None, ge=0, le=_MAX_TIMEOUT_US, description="microseconds for the whole request; 0 is none"
    )
    priority: int | None = Field(
        None,
        ge=0,
        le=PRIORITY_LEVELS,
        description=f"of a generation: 1 is first, 0 and {DEFAULT_PRIORITY} are the default",
    )
    partial_images: int | None = Field(
        None, ge=0, le=3, description="previews; in a stream of gRPC alone"
    )
    sequence_id: StrictInt | StrictStr | None = Field(None, description="only 0: no sequences")
    sequence_start: bool | None = Field(None, description="only false: no sequences")
    sequence_end: bool | None = Field(None, description="only false: no sequences")


class SentTensor(Body):
    name: str = Field(description="of one of the model's inputs")
    datatype: str = Field(description="BYTES, FP32, INT32 or INT64, as the model has it")
    shape: list[int] = Field(max_length=MAX_DIMENSIONS, description="as the model has it")
    parameters: TensorParameters = Field(TensorParameters(), description="where its data are")
    data: list[Any] | None = Field(
        None, description="in row-major order, flat or nested; an image is base64"
    )


class WantedTensor(Body):
    name: str = Field(description="of one of the model's outputs")
    parameters: TensorParameters = Field(TensorParameters(), description="how it is to come")


class Description(Body):
    """What comes before the binary data."""

    id: str | None = Field(None, description="comes back in the answer")
    inputs: list[SentTensor] = Field(
        max_length=MAX_TENSORS, description="each of the model's inputs that is not optional, once"
    )
    outputs: list[WantedTensor] | None = Field(
        None, max_length=MAX_TENSORS, description="those that are wanted; all if left out"
    )
    parameters: RequestParameters = Field(RequestParameters(), description="of the whole request")


@dataclass(frozen=True)
class Signature:
    """A model's inputs and outputs; -1 in their shapes is at most `max_items`."""

    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    max_items: int


@dataclass(frozen=True)
class InferenceRequest:
    """A parsed request; `outputs` maps each requested output to whether it is sent as binary
    data."""

    id: str | None
    inputs: dict[str, Values]
    outputs: dict[TensorSpec, bool]
    terms: Terms


def refusal(error: ValidationError) -> InvalidRequest:
    """What is wrong with a description, in one line."""
    return InvalidRequest(str(invalid_field(error.errors())))


def read_tensors(described: Description, raw: memoryview, signature: Signature) -> InferenceRequest:
    """Read a request to a model of this signature, its binary tensors one behind the other."""
    offered = {spec.name: spec for spec in signature.inputs}
    values: dict[str, Values] = {}
    for tensor in described.inputs:
        if tensor.name not in offered or tensor.name in values:
            raise InvalidRequest(f"the inputs are {', '.join(offered)}, each once")
        spec = offered[tensor.name]
        check_shape(spec, tensor.datatype, tensor.shape, signature.max_items)
        _refuse_shared_memory(tensor)
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
    required = [spec.name for spec in signature.inputs if not spec.optional]
    missing = [name for name in required if name not in values]
    if missing:
        raise InvalidRequest(f"missing inputs: {', '.join(missing)}")
    wanted = _wanted(described, signature.outputs)
    return InferenceRequest(described.id, values, wanted, _terms(described.parameters))


def _wanted(described: Description, outputs: Iterable[TensorSpec]) -> dict[TensorSpec, bool]:
    binary = bool(described.parameters.binary_data_output)
    if not described.outputs:
        return dict.fromkeys(outputs, binary)
    offered = {spec.name: spec for spec in outputs}
    wanted = {}
    for output in described.outputs:
        if output.name not in offered:
            raise InvalidRequest(f"the outputs are {', '.join(offered)}")
        _refuse_shared_memory(output)
        if output.parameters.classification is not None:
            raise InvalidRequest(f"{output.name}: classification is not offered")
        asked = output.parameters.binary_data
        wanted[offered[output.name]] = binary if asked is None else asked
    return wanted


def _refuse_shared_memory(tensor: SentTensor | WantedTensor) -> None:
    if tensor.parameters.shared_memory_region is not None:
        raise InvalidRequest(f"{tensor.name}: shared memory is not offered; send the tensor itself")


def _terms(asked: RequestParameters) -> Terms:
    if asked.sequence_id not in (None, 0, "") or asked.sequence_start or asked.sequence_end:
        raise InvalidRequest("sequence_id: sequences are not offered; models keep no state")
    level = asked.priority or DEFAULT_PRIORITY
    return Terms(
        priority=DEFAULT_PRIORITY - level,
        finish_by=time.time() + asked.timeout / 1e6 if asked.timeout else None,
        partial_images=asked.partial_images or 0,
    )
