"""Write a model repository for Triton from the configured classifier.

    python -m serve_app.jobs.triton_store OUT
    tritonserver --model-repository OUT

`preprocess` (Python backend), `classifier` (ONNX), `classifier_torchscript` and `ensemble` have the
inputs and outputs of the service's own models under /v2. Batches are those of the Serve file
(`--config`). Probabilities are compared with the service's; where they differ by more than 1e-4,
nothing is written and the exit code is 1.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from serve_app.config import read_args, read_batching
from serve_app.imaging import codec
from serve_app.jobs.triton_store import networks
from serve_app.jobs.triton_store.configurations import CLASSIFIERS, LABELS, Serving, all_of
from serve_app.jobs.triton_store.pictures import SETTINGS, pixel_values
from serve_app.jobs.whole import new_folder
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes.classifier import ClassifierRuntime

MAX_DIFFERENCE = 1e-4
_VERSION = "1"
_KINDS = {"auto": "KIND_AUTO", "cpu": "KIND_CPU", "cuda": "KIND_GPU"}
_SIZES = ((64, 64), (37, 21), (300, 200), (200, 310), (1920, 1081))
# What `preprocess` imports goes with it, so that Triton decodes exactly as the service does.
_COPIED = (
    "__init__.py", "errors.py", "messages.py", "imaging/__init__.py", "imaging/codec.py",
    "imaging/header.py", "imaging/segments.py", "imaging/tiff.py",
    "jobs/triton_store/__init__.py", "jobs/triton_store/pictures.py",
)  # fmt: skip
_RUN = {"classifier": networks.run_onnx, "classifier_torchscript": networks.run_torchscript}


class Differs(Exception):
    """What was written does not answer as the service does."""


def write(folder: Path, runtime: ClassifierRuntime, serving: Serving) -> None:
    """Fill a folder. The runtime is on the CPU, in float32."""
    for name, text in all_of(serving).items():
        (folder / name / _VERSION).mkdir(parents=True)
        (folder / name / "config.pbtxt").write_text(text)
        if name != "preprocess":
            (folder / name / LABELS).write_text("".join(f"{each}\n" for each in runtime.labels))
    preprocess = folder / "preprocess" / _VERSION
    shutil.copy(Path(__file__).with_name("preprocess.py"), preprocess / "model.py")
    for name in _COPIED:
        (preprocess / "serve_app" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / "serve_app" / name, preprocess / "serve_app" / name)
    # Not ours, which asks for packages that Triton's Python need not have.
    (preprocess / "serve_app" / "jobs" / "__init__.py").touch()
    (preprocess / "preprocessor_config.json").write_text(json.dumps(_settings(runtime), indent=2))
    networks.write_onnx(runtime.network, serving.input_shape, _file(folder, "classifier"))
    torchscript = _file(folder, "classifier_torchscript")
    networks.write_torchscript(runtime.network, serving.input_shape, torchscript)


def differences(folder: Path, runtime: ClassifierRuntime, serving: Serving) -> dict[str, float]:
    """The largest difference of a probability from the runtime's, by the name of the classifier,
    over generated pictures of several sizes."""
    settings, limit = _settings(runtime), serving.max_image_pixels
    side = max(serving.input_shape)
    images = list(_pictures())
    ours = runtime.classify(
        runtime.preprocess([codec.decode(each, limit, least_side=side) for each in images])
    )
    inputs = np.stack([pixel_values(each, settings, side, limit) for each in images])
    found = {name: _RUN[name](_file(folder, name), inputs) for name in CLASSIFIERS}
    return {name: float(np.abs(each - ours).max()) for name, each in found.items()}


def _settings(runtime: ClassifierRuntime) -> dict[str, Any]:
    whole = runtime.processor.to_dict()
    return {name: whole[name] for name in SETTINGS if name in whole}


def _file(folder: Path, name: str) -> Path:
    return folder / name / _VERSION / CLASSIFIERS[name][1]


def _pictures() -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    for width, height in _SIZES:
        coarse = rng.integers(0, 256, (7, 9, 3), np.uint8)
        enlarged = np.kron(coarse, np.ones((-(-height // 7), -(-width // 9), 1), np.uint8))
        yield codec.encode(np.ascontiguousarray(enlarged[:height, :width]))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--config", type=Path, default=PROJECT_ROOT / "serve_config.yaml")
    parser.add_argument("--instances", type=int, default=1, help="of each model but the ensemble")
    options = parser.parse_args(argv)
    args, batches = read_args(options.config), read_batching(options.config, "Classifier")
    model = args.models.classifier
    placement = model.placement.model_copy(update={"device": "cpu", "dtype": "float32"})
    try:
        with new_folder(options.output) as folder:
            runtime = ClassifierRuntime(model.model_copy(update={"placement": placement}))
            serving = Serving(
                input_shape=runtime.input_shape,
                classes=len(runtime.labels),
                max_batch_size=batches.max_batch_size,
                max_queue_delay_s=batches.batch_wait_timeout_s,
                max_image_pixels=args.limits.max_image_pixels,
                instances=options.instances,
                kind=_KINDS[model.placement.device],
            )
            write(folder, runtime, serving)
            for name, difference in differences(folder, runtime, serving).items():
                print(f"{name}: largest difference of a probability {difference:.2g}")
                if not difference <= MAX_DIFFERENCE:  # NaN too
                    raise Differs(f"{name} differs by more than {MAX_DIFFERENCE}")
    except (Differs, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
