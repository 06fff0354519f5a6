"""Measure the backends of models, judge them, and record what passed.

    python -m serve_app.jobs.optimise                          # every model, every backend here
    python -m serve_app.jobs.optimise captioner --count 100
    python -m serve_app.jobs.optimise generator --backends onnxruntime compile

On one torch thread, against eager in float32. Each backend is loaded twice, before and after its
files are in a cache, in processes of its own; speeds are medians over rounds in which eager and the
backend take turns. Each goes to `serve_app/backends.json`; what that holds for the device is
printed, and plotted in build/optimise/.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import safe_open

from serve_app.config import AppArgs
from serve_app.jobs.optimise import quality, report
from serve_app.jobs.optimise.subjects import BATCH, SUBJECTS, model_of
from serve_app.jobs.optimise.worker import Worker
from serve_app.model_config import PROJECT_ROOT, Source
from serve_app.runtimes import verdicts
from serve_app.runtimes.placement import place

BACKENDS = {
    "cpu": ["onnxruntime", "onnxruntime-int8", "openvino", "openvino-bfloat16", "compile"],
    "cuda": ["compile", "tensorrt"],
}
SHORT = {"cpu": "bfloat16", "cuda": "float16"}
BUILD = PROJECT_ROOT / "build" / "optimise"


def measured(
    args: AppArgs, kind: str, device: str, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """The verdicts on a model's backends, one by one."""
    sources = getattr(args.models, kind).sources
    eager = Worker(args, kind, "eager", device, "float32")
    expected = eager.call("outputs", options.count)
    whole = quality.QUALITY[kind](expected, expected, options.count)
    for backend, dtype in variants(options.backends, device):
        placed = place(model_of(args, kind, backend, device, dtype).placement)
        about = verdicts.key(kind, verdicts.weights_of(sources), backend, placed)
        with tempfile.TemporaryDirectory() as cache:
            os.environ |= {"XDG_CACHE_HOME": cache, "TORCHINDUCTOR_CACHE_DIR": f"{cache}/inductor"}
            try:
                first = Worker(args, kind, backend, device, dtype)
                first.close()
                worker = Worker(args, kind, backend, device, dtype)
            except RuntimeError as error:
                print(f"{kind} {backend} {dtype}: {error}", file=sys.stderr)
                continue
            numbers = {
                **speeds(eager, worker, options.rounds),
                "file_mb": megabytes(sources, placed.dtype, Path(cache)),
                "memory_mb": worker.loaded["memory_mb"],
                "first_load_s": first.loaded["load_s"],
                "load_s": worker.loaded["load_s"],
                **quality.QUALITY[kind](
                    worker.call("outputs", options.count), expected, options.count
                ),
                "batch_difference": worker.call("batch_difference"),
            }
            worker.close()
        failures = quality.failures(kind, numbers, whole)
        yield about | {"passed": not failures, "failures": failures, "measured": numbers}
    eager.close()


def variants(backends: list[str] | None, device: str) -> list[tuple[str, str]]:
    """Backends with the dtype they run in: eager in both, for what the numbers are worth."""
    asked = [("eager", "float32"), ("eager", SHORT[device])]
    asked += [(name, "float32" if device == "cpu" else SHORT[device]) for name in BACKENDS[device]]
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


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="model", help=", ".join(SUBJECTS))
    parser.add_argument("--backends", nargs="+", metavar="backend")
    parser.add_argument("--count", type=int, default=40, help="held-out scenes to judge by")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=BACKENDS, default="cpu")
    parser.add_argument("--config", type=Path, default=PROJECT_ROOT / "serve_config.yaml")
    options = parser.parse_args(argv)
    if unknown := set(options.models) - set(SUBJECTS):
        parser.error(f"unknown model: {', '.join(sorted(unknown))}")
    config = yaml.safe_load(options.config.read_text())
    args = AppArgs.model_validate(config["applications"][0]["args"])
    for kind in options.models or SUBJECTS:
        for verdict in measured(args, kind, options.device, options):
            print(report.table([verdict]).splitlines()[-1], flush=True)
            report.record([verdict])
    known = [each for each in verdicts.recorded() if each["device"] == options.device]
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "results.json").write_text(json.dumps(known, indent=1))
    report.plot(known, BUILD / "speed-and-quality.png")
    print("\n" + report.table(known))


if __name__ == "__main__":
    main()
