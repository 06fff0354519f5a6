"""The model `preprocess` of the repository, for Triton's Python backend; there it is model.py.

Its interface is that of https://github.com/triton-inference-server/python_backend.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from serve_app.errors import ServiceError
from serve_app.jobs.triton_store.pictures import pixel_values


class TritonPythonModel:
    """Encoded images, BYTES [n, 1], to the classifier's input, FP32 [n, 3, height, width]."""

    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        folder = Path(args["model_repository"]) / args["model_version"]
        self._settings = json.loads((folder / "preprocessor_config.json").read_text())
        self._max_pixels = int(config["parameters"]["max_image_pixels"]["string_value"])
        (output,) = config["output"]
        self._side = max(map(int, output["dims"]))

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._response(request) for request in requests]

    def _response(self, request: Any) -> Any:
        images = pb_utils.get_input_tensor_by_name(request, "image").as_numpy()
        try:
            values = [
                pixel_values(image, self._settings, self._side, self._max_pixels)
                for image in images.reshape(-1)
            ]
        except ServiceError as error:
            refusal = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            return pb_utils.InferenceResponse([], refusal)
        return pb_utils.InferenceResponse([pb_utils.Tensor("pixel_values", np.stack(values))])
