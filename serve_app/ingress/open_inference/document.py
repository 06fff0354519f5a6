"""What `/openapi.json` says of the Open Inference Protocol's routes, which read bodies raw."""

from typing import Any

from pydantic import BaseModel, Field

from serve_app.ingress.open_inference.body import LENGTH_HEADER, REQUEST_SCHEMA
from serve_app.ingress.problems import error_schema

_BINARY = {"type": "string", "format": "binary"}
_BEHIND = f"JSON, of as many bytes as {LENGTH_HEADER} says, and behind it the tensors in binary"
_LENGTH = {
    "description": "bytes of JSON at the start of the body; without it all is JSON",
    "schema": {"type": "integer", "minimum": 0},
}
_EXAMPLE = {
    "inputs": [
        {
            "name": "prompt",
            "datatype": "BYTES",
            "shape": [1],
            "data": ["a red circle on a white background"],
        },
        {"name": "seed", "datatype": "INT64", "shape": [1], "data": [7]},
    ]
}


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


def errors() -> dict[int | str, dict[str, Any]]:
    """The `responses` that the routes share: those of every route, in the protocol's shape.

    What does not keep to a signature is a 400 here, never a 422.
    """
    schema = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}},
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": schema}}
    meanings = {status: each["description"] for status, each in error_schema().items()}
    del meanings[422]
    meanings[404] = "There is no such model or version"
    return {
        status: {"description": meaning, "content": content} for status, meaning in meanings.items()
    }


def path_of(models: list[str], version: str | None = None) -> dict[str, Any]:
    """The path's parameters: the model's name, and its version where the path has one."""
    offered = {"name": models} | ({"version": [version]} if version else {})
    return {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": of}}
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
                "application/json": {"schema": REQUEST_SCHEMA, "example": _EXAMPLE},
                "application/octet-stream": {"schema": _BINARY | {"description": _BEHIND}},
            },
        },
    }


INFERRED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": InferenceResponse,
        "description": "The outputs, in JSON, in binary, or some in each, as the request asks",
        "content": {"application/octet-stream": {"schema": _BINARY | {"description": _BEHIND}}},
        "headers": {LENGTH_HEADER: _LENGTH},
    }
}
"""The answer to an inference."""
