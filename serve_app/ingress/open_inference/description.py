"""What the protocol says of the server and its models, in the field names of its messages.

HTTP sends these as JSON, gRPC as messages. The configuration is Triton's ModelConfig:
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_model_configuration.html
"""

from typing import Any

from serve_app import __version__
from serve_app.ingress.open_inference.models import InferenceModel
from serve_app.ingress.open_inference.request import DEFAULT_PRIORITY, PRIORITY_LEVELS
from serve_app.ingress.open_inference.tensors import TensorSpec

VERSION = "1"
"""The only version of every model."""

PLATFORM = "ray_serve"
_EXTENSIONS = (
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "schedule_policy",
    "statistics",
)
_DATA_TYPES = {"BYTES": "TYPE_STRING"}

Described = dict[str, Any]


def server() -> Described:
    """The server's metadata."""
    return {"name": "image-generation", "version": __version__, "extensions": list(_EXTENSIONS)}


def metadata(name: str, model: InferenceModel) -> Described:
    """A model's metadata: its signature."""
    return {
        "name": name,
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": [_signature(spec) for spec in model.inputs],
        "outputs": [_signature(spec) for spec in model.outputs],
    }


def config(name: str, model: InferenceModel, max_items: int) -> Described:
    """A model's ModelConfig.

    `dims` are without the batch's dimension where there is one: where it is the first of several in
    every tensor.
    """
    batches = all(len(spec.shape) > 1 and spec.shape[0] == -1 for spec in _tensors(model))
    described = {
        "name": name,
        "platform": PLATFORM,
        "backend": PLATFORM,
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": max_items if batches else 0,
        "input": [
            _configured(spec, batches) | {"format": "FORMAT_NONE", "optional": spec.optional}
            for spec in model.inputs
        ],
        "output": [_configured(spec, batches) for spec in model.outputs],
        "model_transaction_policy": {"decoupled": False},
    }
    if "Generator" in model.deployments:
        described["dynamic_batching"] = {
            "priority_levels": PRIORITY_LEVELS,
            "default_priority_level": DEFAULT_PRIORITY,
        }
    return described


def index_entry(name: str, reason: str | None) -> Described:
    """A model in the repository's index: ready, or for this reason not."""
    state = "READY" if reason is None else "UNAVAILABLE"
    return {"name": name, "version": VERSION, "state": state, "reason": reason or ""}


def _tensors(model: InferenceModel) -> tuple[TensorSpec, ...]:
    return *model.inputs, *model.outputs


def _signature(spec: TensorSpec) -> Described:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def _configured(spec: TensorSpec, batches: bool) -> Described:
    return {
        "name": spec.name,
        "data_type": _DATA_TYPES.get(spec.datatype, f"TYPE_{spec.datatype}"),
        "dims": list(spec.shape[1:] if batches else spec.shape),
    }
