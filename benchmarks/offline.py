"""`python -m benchmarks.offline`: `jobs.images` against the bare engine and a loop over diffusers.

    python -m benchmarks.offline --count 500

Image-to-image over a folder of pictures of mixed sizes, the demo's models at their own size, run
eagerly on every side, one torch thread each. The engine gets decoded pictures, eight at a time, and
writes nothing: what a job can reach at most. The loop is a script as one writes it: open, call
diffusers' pipeline, save. The pictures are done in `--rounds` runs of the job, and both are
measured before and after each: a ratio is of what was measured side by side, and the median of the
rounds is told. The job's rate leaves out the start of Ray and the loading of models. Ends with one
line of JSON: rates, ratios, and the memory of the job's processes over its last run.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
import yaml
from PIL import Image, ImageDraw

from benchmarks.reference import ReferencePipelines
from benchmarks.same_work import BATCH, EAGER_MODEL
from serve_app.config import read_args
from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from serve_app.denoise.trajectory import Work
from serve_app.imaging import codec
from serve_app.jobs.folders import inputs
from serve_app.jobs.folders.places import Place
from serve_app.jobs.images.rows import Wanted, default_size, rows_of
from serve_app.messages import GenerationRequest
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes.generator import GeneratorRuntime

_SIZES = ((128, 128), (256, 192), (640, 480), (512, 512), (300, 900), (1600, 1200))
_BATCHES, _CALLS = 6, 8  # of one measurement of the engine, and of the loop
_SAMPLE_S = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=500, help="pictures")
    parser.add_argument("--rounds", type=int, default=4, help="runs of the job")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pictures(folder, args.count, args.rounds)
        config = eager_config(folder)
        baselines = Baselines(folder / "in-0", config)
        rates, jobs = [baselines.rates()], []
        for number in range(args.rounds):
            job, memory = run_job(folder, number, config)
            jobs.append(job)
            rates.append(baselines.rates())
    beside = [np.add(*pair) / 2 for pair in itertools.pairwise(rates)]
    ratios = [job["images_per_second"] / both for job, both in zip(jobs, beside, strict=True)]
    over_engine, over_loop = np.median(ratios, axis=0)
    result = {
        "bench": "offline",
        "pictures": sum(job["made"] for job in jobs),
        "failed": sum(job["failed"] for job in jobs),
        "job_over_engine": _three(over_engine),
        "job_over_loop": _three(over_loop),
        "job_over_engine_of_each_round": [_three(engine) for engine, _ in ratios],
        "job_over_loop_of_each_round": [_three(loop) for _, loop in ratios],
        "job_per_s": [job["images_per_second"] for job in jobs],
        "engine_batch_8_per_s": [_three(engine) for engine, _ in rates],
        "loop_per_s": [_three(loop) for _, loop in rates],
        "start_s": [_three(job["seconds"] - job["busy_s"]) for job in jobs],
        "memory_mb": memory,
        "load_average": os.getloadavg(),
    }
    print(json.dumps(result))


def _three(value: float) -> float:
    return round(float(value), 3)


def make_pictures(folder: Path, count: int, parts: int = 1) -> None:
    """Shapes in the words of the demo's world, files of mixed sizes and formats in `in-0`, …"""
    rng = random.Random(0)
    for part in range(parts):
        (folder / f"in-{part}").mkdir()
    for number in range(count):
        image = Image.new("RGB", rng.choice(_SIZES), "white")
        draw = ImageDraw.Draw(image)
        color, shape = rng.choice(("red", "green", "blue")), rng.choice(("circle", "square"))
        box = [side * share for share in (0.25, 0.75) for side in image.size]
        (draw.ellipse if shape == "circle" else draw.rectangle)(box, fill=color)
        suffix = rng.choice(("png", "jpg"))
        image.save(
            folder
            / f"in-{number % parts}"
            / f"a_{color}_{shape}_on_a_white_background_{number:05}.{suffix}"
        )


def eager_config(folder: Path) -> Path:
    """The demo's Serve file with every network run eagerly."""
    config = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    models = config["applications"][0]["args"]["models"]
    for model in models.values():
        model.pop("backend", None)
        for name in ("path", "controlnet", "x2", "x4"):
            if name in model:
                model[name] = str(PROJECT_ROOT / model[name])
    path = folder / "eager.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


class Baselines:
    """The engine and the loop on some of the job's pictures."""

    def __init__(self, folder: Path, config: Path) -> None:
        settings = read_args(config)
        width, height = default_size(settings)
        wanted = Wanted(
            "image-to-image",
            width,
            height,
            num_inference_steps=settings.defaults.num_inference_steps,
        )
        listing = inputs.folder(Place.of(folder)).inputs[: BATCH * _BATCHES]
        model = settings.models.generator
        rows, _ = rows_of(
            listing, wanted, settings, {"demo": model}, dict.fromkeys(map(_name, listing), "demo")
        )
        self._works: list[tuple[Path, GenerationRequest]] = [
            (Path(row["image"]), GenerationRequest(**row["request"])) for row in rows
        ]
        self._limit = settings.limits.max_image_pixels
        self._runtime = GeneratorRuntime(EAGER_MODEL)
        self._reference = ReferencePipelines(EAGER_MODEL)
        self._saved = folder.parent / "saved.png"
        self.rates()

    def rates(self) -> tuple[float, float]:
        """Pictures a second: of the engine in batches of eight, and of the loop."""
        decoded = [self._decoded(*each) for each in self._works]
        began = time.perf_counter()
        for at in range(0, len(decoded), BATCH):
            self._runtime.decode(denoise(Engine(self._runtime, BATCH), decoded[at : at + BATCH]))
        engine = len(decoded) / (time.perf_counter() - began)
        began = time.perf_counter()
        for path, request in self._works[:_CALLS]:
            (picture,) = self._reference.generate([self._decoded(path, request)])
            Image.fromarray(picture).save(self._saved)
        return engine, _CALLS / (time.perf_counter() - began)

    def _decoded(self, path: Path, request: GenerationRequest) -> Work:
        size = (request.width, request.height)
        return Work(request, image=codec.decode(path.read_bytes(), self._limit, size))


def _name(each: inputs.Input) -> str:
    return each.name


def run_job(folder: Path, number: int, config: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """The summary of the job's run, and its processes' memory in MB at quarters of the run."""
    command = [sys.executable, "-m", "serve_app.jobs.images", str(folder / f"in-{number}")]
    command += ["-o", str(folder / f"out-{number}"), "--config", str(config)]
    samples: list[tuple[float, float]] = []
    with subprocess.Popen(command, cwd=PROJECT_ROOT) as job:
        while job.poll() is None:
            samples.append((time.time(), _memory_mb(psutil.Process(job.pid))))
            time.sleep(_SAMPLE_S)
    if job.returncode:
        raise SystemExit(f"the job ended with {job.returncode}")
    told = json.loads((folder / f"out-{number}" / "run.json").read_text())["summary"]
    busy = [mb for moment, mb in samples if moment > samples[-1][0] - told["busy_s"]]
    return told, _by_quarter(busy)


def _by_quarter(samples: Sequence[float]) -> dict[str, float]:
    quarter = max(1, len(samples) // 4)
    parts = [samples[at * quarter : (at + 1) * quarter] or samples[-1:] for at in range(4)]
    return {f"quarter_{at}": round(statistics.median(part)) for at, part in enumerate(parts, 1)}


def _memory_mb(job: psutil.Process) -> float:
    """Of a process and all below it, without what they share."""
    total = 0
    for process in (job, *job.children(recursive=True)):
        try:
            memory = process.memory_info()
        except psutil.NoSuchProcess:
            continue
        total += memory.rss - memory.shared
    return total / 2**20


if __name__ == "__main__":
    main()
