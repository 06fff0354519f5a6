"""What each backend of a model is worth: its speed over eager's, memory, and quality."""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from serve_app.config import AppArgs
from serve_app.jobs.optimise import quality
from serve_app.jobs.optimise.inputs import Inputs
from serve_app.jobs.optimise.subjects import BATCH, DEPENDS_ON, model_of
from serve_app.jobs.optimise.worker import Worker
from serve_app.model_config import Source
from serve_app.runtimes import verdicts
from serve_app.runtimes.machine import kind_of
from serve_app.runtimes.placement import Placed, place

BACKENDS = {
    "cpu": ["onnxruntime", "onnxruntime-int8", "openvino", "openvino-bfloat16", "compile"],
    "cuda": ["compile", "tensorrt"],
}
SHORT = {"cpu": "bfloat16", "cuda": "float16"}


def measured(
    args: AppArgs, inputs: Inputs, kind: str, backends: list[str] | None, rounds: int
) -> Iterator[dict[str, Any]]:
    """The verdicts on a model's backends, one by one. Raises RuntimeError where eager fails."""
    model = getattr(args.models, kind)
    configured = place(model.placement)
    device, machine = configured.device.type, kind_of(configured.device)
    judged_by = {name: getattr(args.defaults, name) for name in DEPENDS_ON[kind]}

    def load(backend: str, dtype: str) -> closing[Worker]:
        return closing(Worker(args, inputs, kind, backend, device, dtype))

    with load("eager", "float32") as eager:
        expected = eager.call("outputs")
        whole = quality.QUALITY[kind](expected, expected)
        weights = verdicts.weights_of(model.sources)  # which eager has downloaded
        for backend, dtype in variants(backends, configured):
            placed = place(model_of(args, kind, backend, device, dtype).placement)
            with tempfile.TemporaryDirectory() as cache:
                os.environ["XDG_CACHE_HOME"] = cache
                os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{cache}/inductor"
                try:
                    with load(backend, dtype) as first:
                        first_load_s = first.loaded["load_s"]
                    with load(backend, dtype) as worker:
                        numbers = {
                            **speeds(eager, worker, rounds),
                            "file_mb": megabytes(model.sources, placed.dtype, Path(cache)),
                            "memory_mb": worker.loaded["memory_mb"],
                            "first_load_s": first_load_s,
                            "load_s": worker.loaded["load_s"],
                            **quality.QUALITY[kind](worker.call("outputs"), expected),
                            "batch_difference": worker.call("batch_difference"),
                        }
                except RuntimeError as error:
                    print(f"{kind} {backend} {dtype}: {error}", file=sys.stderr)
                    continue
            failures = quality.failures(kind, numbers, whole)
            yield verdicts.key(kind, weights, backend, placed) | {
                "machine": machine,
                "passed": not failures,
                "failures": failures,
                "inputs": {"pictures": len(inputs.pictures)} | judged_by,
                "measured": numbers,
            }


def variants(backends: list[str] | None, configured: Placed) -> list[tuple[str, str]]:
    """Backends with the dtype they run in, which is the configured one; eager in float32 and in
    half precision, for what the numbers are worth."""
    device, dtype = configured.device.type, str(configured.dtype).removeprefix("torch.")
    asked = [("eager", "float32"), ("eager", SHORT[device])]
    asked += [(name, dtype) for name in BACKENDS[device]]
    return [each for each in asked if backends is None or each[0] in backends]


def speeds(eager: Worker, worker: Worker, rounds: int) -> dict[str, float]:
    """Things a second over eager's, in batches of one and of `BATCH`."""
    found = {}
    for size in (1, BATCH):
        # Each goes first as often as the other.
        ratios = [eager.seconds(size) / worker.seconds(size) for _ in range(rounds)]
        ratios += [1 / (worker.seconds(size) / eager.seconds(size)) for _ in range(rounds)]
        found[f"speed_{size}"] = statistics.median(ratios)
    return found


def megabytes(sources: list[Source], dtype: torch.dtype, cache: Path) -> float:
    """What a backend reads: the networks it converted, otherwise the weights in its dtype."""
    converted = sum(
        path.stat().st_size for path in cache.rglob("*") if path.suffix in (".onnx", ".bin")
    )
    if converted:
        return converted / 1e6
    numbers = 0
    for source in sources:
        for file in verdicts.loaded_files(verdicts.folder_of(source), source.variant):
            with safe_open(file, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118 (not a dict)
                    numbers += opened.get_tensor(name).numel()
    return numbers * dtype.itemsize / 1e6
