"""The config.pbtxt of each model: protobuf text of Triton's ModelConfig.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

from dataclasses import dataclass

LABELS = "labels.txt"
CLASSIFIERS = {
    "classifier": ("onnxruntime", "model.onnx"),
    "classifier_torchscript": ("pytorch", "model.pt"),
}
"""Backend and file by the name of the model; the ensemble takes the first."""


@dataclass(frozen=True)
class Serving:
    """`input_shape` is [3, height, width]; `kind` one of KIND_AUTO, KIND_CPU, KIND_GPU."""

    input_shape: tuple[int, ...]
    classes: int
    max_batch_size: int
    max_queue_delay_s: float
    max_image_pixels: int
    instances: int = 1
    kind: str = "KIND_AUTO"


def all_of(serving: Serving) -> dict[str, str]:
    """The files' content by the name of the model."""
    classifiers = {
        name: _classifier(name, backend, file, serving)
        for name, (backend, file) in CLASSIFIERS.items()
    }
    return {"preprocess": _preprocess(serving), **classifiers, "ensemble": _ensemble(serving)}


def _preprocess(serving: Serving) -> str:
    return f"""\
name: "preprocess"
backend: "python"
max_batch_size: {serving.max_batch_size}
input [ {_IMAGE} ]
output [ {_pixel_values(serving)} ]
parameters {{ key: "max_image_pixels" value {{ string_value: "{serving.max_image_pixels}" }} }}
instance_group [ {{ count: {serving.instances} kind: KIND_CPU }} ]
{_dynamic_batching(0)}
"""


def _classifier(name: str, backend: str, file: str, serving: Serving) -> str:
    return f"""\
name: "{name}"
backend: "{backend}"
default_model_filename: "{file}"
max_batch_size: {serving.max_batch_size}
input [ {_pixel_values(serving)} ]
output [ {_probabilities(serving)} ]
instance_group [ {{ count: {serving.instances} kind: {serving.kind} }} ]
{_dynamic_batching(serving.max_queue_delay_s)}
"""


def _ensemble(serving: Serving) -> str:
    classifier = next(iter(CLASSIFIERS))
    return f"""\
name: "ensemble"
platform: "ensemble"
max_batch_size: {serving.max_batch_size}
input [ {_IMAGE} ]
output [ {_probabilities(serving)} ]
ensemble_scheduling {{
  step [
    {{
      model_name: "preprocess"
      model_version: -1
      input_map {{ key: "image" value: "image" }}
      output_map {{ key: "pixel_values" value: "pixel_values" }}
    }},
    {{
      model_name: "{classifier}"
      model_version: -1
      input_map {{ key: "pixel_values" value: "pixel_values" }}
      output_map {{ key: "probabilities" value: "probabilities" }}
    }}
  ]
}}
"""


_IMAGE = '{ name: "image" data_type: TYPE_STRING dims: [ 1 ] }'


def _pixel_values(serving: Serving) -> str:
    dims = ", ".join(map(str, serving.input_shape))
    return f'{{ name: "pixel_values" data_type: TYPE_FP32 dims: [ {dims} ] }}'


def _probabilities(serving: Serving) -> str:
    return (
        f'{{ name: "probabilities" data_type: TYPE_FP32 dims: [ {serving.classes} ] '
        f'label_filename: "{LABELS}" }}'
    )


def _dynamic_batching(delay_s: float) -> str:
    return f"dynamic_batching {{ max_queue_delay_microseconds: {round(delay_s * 1e6)} }}"
