"""What `/openapi.json` says of the Open Inference Protocol's routes, which read bodies raw."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serve_app.ingress.described import BINARY, examples, headers
from serve_app.ingress.open_inference.body import LENGTH_HEADER, REQUEST_SCHEMA
from serve_app.ingress.problems import error_schema
from serve_app.ingress.schema import Body

_BEHIND = f"JSON, of as many bytes as {LENGTH_HEADER} says, and behind it the tensors in binary"
_LENGTH = {
    "description": "bytes of JSON at the start of the body; without it all is JSON",
    "schema": {"type": "integer", "minimum": 0},
}
_PROMPT = {
    "name": "prompt",
    "datatype": "BYTES",
    "shape": [1],
    "data": ["a red circle on a white background"],
}
_EXAMPLES = examples(
    of_text_to_image={
        "inputs": [_PROMPT, {"name": "seed", "datatype": "INT64", "shape": [1], "data": [7]}]
    },
    with_an_id_and_in_time={
        "id": "1",
        "inputs": [_PROMPT],
        "outputs": [{"name": "result"}],
        "parameters": {"priority": 5, "timeout": 60_000_000},
    },
)


class Server(BaseModel):
    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


class ModelReady(Ready):
    name: str


class TensorSignature(BaseModel):
    name: str
    datatype: str = Field(description="BYTES, FP32, INT32 or INT64")
    shape: list[int] = Field(description="-1 is any number of 1 or more")


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorSignature]
    outputs: list[TensorSignature]


class ConfiguredInput(BaseModel):
    name: str
    data_type: str = Field(description="TYPE_STRING, TYPE_FP32, TYPE_INT32 or TYPE_INT64")
    dims: list[int] = Field(description="without the batch's where there is one; -1 is 1 or more")
    format: str
    optional: bool


class ConfiguredOutput(BaseModel):
    name: str
    data_type: str
    dims: list[int]


class ModelConfig(BaseModel):
    """Triton's `ModelConfig`, as far as it has a meaning here."""

    name: str
    platform: str
    backend: str
    version_policy: dict[str, Any]
    max_batch_size: int = Field(description="0 where tensors have no dimension of a batch's own")
    input: list[ConfiguredInput]
    output: list[ConfiguredOutput]
    model_transaction_policy: dict[str, bool]
    dynamic_batching: dict[str, int] | None = Field(None, description="of a generation: priorities")


class Duration(BaseModel):
    count: int
    ns: int


class InferenceStatistics(BaseModel):
    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    cache_hit: Duration
    cache_miss: Duration


class BatchStatistics(BaseModel):
    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(BaseModel):
    name: str
    version: str
    last_inference: int = Field(description="milliseconds of Unix time; 0 is never")
    inference_count: int = Field(description="items: each image of a batch counts")
    execution_count: int = Field(description="batches; of a shared one, the share")
    inference_stats: InferenceStatistics
    batch_stats: list[BatchStatistics]


class Statistics(BaseModel):
    model_stats: list[ModelStatistics]


class IndexRequest(Body):
    ready: bool = Field(False, description="only the models that are ready")


class IndexedModel(BaseModel):
    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


class InferenceOutput(TensorSignature):
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = Field(
        None, description="in row-major order; images are base64. Left out where it is binary"
    )


class InferenceResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[InferenceOutput]


class InferenceError(BaseModel):
    """Every error's body, by the protocol."""

    model_config = ConfigDict(extra="forbid")

    error: str = Field(description="what is wrong")


def errors() -> dict[int | str, dict[str, Any]]:
    """The `responses` that the routes share: those of every route, in the protocol's shape.

    What does not keep to a signature is a 400 here, never a 422.
    """
    found = {
        status: {"description": each["description"], "model": InferenceError}
        for status, each in error_schema(404).items()
        if status != 422
    }
    found[404]["description"] = "There is no such model or version"
    return found


def path_of(models: list[str], version: str | None = None) -> dict[str, Any]:
    """The path's parameters: the model's name, and its version where the path has one."""
    offered = {"name": models} | ({"version": [version]} if version else {})
    return {
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": f"the model's {name}",
                "schema": {"type": "string", "enum": of},
            }
            for name, of in offered.items()
        ]
    }


def inference(path: dict[str, Any]) -> dict[str, Any]:
    """The parameters and the body of an inference."""
    return {
        "parameters": [*path["parameters"], {"name": LENGTH_HEADER, "in": "header"} | _LENGTH],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": REQUEST_SCHEMA, "examples": _EXAMPLES},
                "application/octet-stream": {"schema": BINARY | {"description": _BEHIND}},
            },
        },
    }


INDEX_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": IndexRequest.model_json_schema(),
                "examples": examples(all_models={}, those_that_are_ready={"ready": True}),
            }
        }
    }
}

INFERRED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": InferenceResponse,
        "description": "The outputs, in JSON, in binary, or some in each, as the request asks",
        "content": {"application/octet-stream": {"schema": BINARY | {"description": _BEHIND}}},
        "headers": {LENGTH_HEADER: _LENGTH} | headers("Server-Timing"),
    }
}
"""The answer to an inference."""
