"""Serve a configuration for Stable Diffusion 1.5 at its true size, and check what it answers.

Models with random weights of the true shapes are made as folders, laid out as on the hub. The
configuration is served with nothing changed but paths and placement. A request goes through every
stage, and its picture must be that of diffusers' own pipeline, to a level of 8 bits in float32.
Prints a table and one JSON line. Takes 4 GB of disk, 16 GB of memory and five minutes of two cores.
"""

import argparse
import base64
import io
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import yaml
from PIL import Image, ImageDraw

from benchmarks.real_size import memory, placed, reference
from loadtest.service import served
from serve_app.config import read_args
from serve_app.model_config import PROJECT_ROOT

BUILD = PROJECT_ROOT / "build" / "real-size"
PROMPT = "a red circle and a blue square on a white background"
SEED = 7
CLASSES = 1000
# Levels of 8 bits. Guidance over random weights makes the most of what bfloat16 rounds away.
ALLOWED = {"float32": 1, "bfloat16": 40}
START_S = 3600.0
_STEP_DONE = re.compile(r"(import|load|warm-up) done stage=(\w+) seconds=([\d.]+)")


def main(argv: list[str] | None = None) -> None:
    options = _options(argv)
    began = time.monotonic()
    folder = options.build / "models"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        make_models = [sys.executable, "-m", "benchmarks.real_size.models", folder]
        subprocess.run(make_models, cwd=PROJECT_ROOT, check=True)
        (folder / "complete").touch()
    made_s = time.monotonic() - began
    config = yaml.safe_load(options.config.read_text())
    config = placed.on_cpu(config, folder, options.dtype)
    placed_config = options.build / "config.yaml"
    placed_config.write_text(yaml.safe_dump(config))
    args = read_args(placed_config)
    # Ray gives a replica as many threads as it was promised CPUs, unless told otherwise.
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
    log = options.build / "log"
    started = time.monotonic()
    with served(placed_config, log, START_S) as url:
        result = {"folders_s": made_s, "start_s": time.monotonic() - started}
        result["idle"] = memory.of_replicas()
        client = httpx.Client(base_url=url, timeout=args.limits.request_timeout_s)
        picture, answers = _ask(client, options.side, options.steps, options.upscale)
        result |= answers
        result["after"] = memory.of_replicas()
    Image.fromarray(picture).save(options.build / "picture.png")
    result["loading"] = _loading(log.read_text(errors="replace"))
    arguments = (args, _sketch(), PROMPT, SEED, options.side, options.steps)
    expected, result["reference_s"] = _in_own_process(reference.picture, *arguments)
    apart = np.abs(picture.astype(int) - expected)
    result |= {"largest_difference": int(apart.max()), "mean_difference": float(apart.mean())}
    result |= {"spread": float(picture.std()), "dtype": options.dtype, "side": options.side}
    print(_table(result))
    print(json.dumps(_rounded(result)))
    if options.remove:
        shutil.rmtree(folder)
    if result["largest_difference"] > ALLOWED[options.dtype]:
        raise SystemExit("the picture is not that of diffusers' own pipeline")


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_size",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    config = PROJECT_ROOT / "configs" / "sd15-gpu.yaml"
    parser.add_argument("--config", type=Path, default=config)
    parser.add_argument("--build", type=Path, default=BUILD, help="where everything is written")
    parser.add_argument("--dtype", choices=ALLOWED, default="float32")
    parser.add_argument("--side", type=int, default=256, help="of the picture, in pixels")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--upscale", type=int, choices=(1, 2, 4), default=4)
    parser.add_argument("--remove", action="store_true", help="the models, at the end")
    return parser.parse_args(argv)


def _ask(
    client: httpx.Client, side: int, steps: int, upscale: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """The generated picture before it is enlarged, and what each request took."""
    body = {
        "prompt": PROMPT,
        "seed": SEED,
        "size": f"{side}x{side}",
        "num_inference_steps": steps,
        "control_image": base64.b64encode(_sketch()).decode(),
    }
    every_stage = {"upscale": upscale, "caption": True}
    whole, whole_s = _post(client, "/v1/images/generations", json=body | every_stage)
    plain, plain_s = _post(client, "/v1/images/generations", json=body)
    enlarged, picture = (_picture(answer) for answer in (whole, plain))
    _require(enlarged.shape == (upscale * side, upscale * side, 3), f"shape {enlarged.shape}")
    _require(isinstance(whole["data"][0]["caption"], str), "no caption")
    png = base64.b64decode(plain["data"][0]["b64_json"])
    classes, class_s = _post(client, "/v1/classify", content=png)
    total = sum(classes["probabilities"].values())
    _require(len(classes["probabilities"]) == CLASSES and abs(total - 1) < 0.01, "probabilities")
    return picture, {
        "every_stage_s": whole_s,
        "stages_s": whole["timings"],
        "generation_s": plain_s,
        "classify_s": class_s,
        "caption": whole["data"][0]["caption"],
    }


def _post(client: httpx.Client, path: str, **body: Any) -> tuple[dict[str, Any], float]:
    began = time.monotonic()
    response = client.post(path, **body)
    _require(response.status_code == 200, f"{path}: {response.status_code} {response.text[:500]}")
    return response.json(), time.monotonic() - began


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(otherwise)


def _picture(answer: dict[str, Any]) -> np.ndarray:
    """uint8 RGB [height, width, 3]."""
    encoded = base64.b64decode(answer["data"][0]["b64_json"])
    return np.asarray(Image.open(io.BytesIO(encoded)))


def _sketch() -> bytes:
    """A circle and a square on white, as PNG."""
    image = Image.new("RGB", (512, 512), (245, 245, 245))
    draw = ImageDraw.Draw(image)
    draw.ellipse((50, 150, 230, 330), fill=(220, 40, 40))
    draw.rectangle((280, 180, 460, 360), fill=(40, 80, 220))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _in_own_process(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns; the memory that it took is free again."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(call, *arguments).result()


def _loading(log: str) -> dict[str, dict[str, float]]:
    """Seconds of each step of a stage's start, by stage, from the service's log."""
    found: dict[str, dict[str, float]] = {}
    for step, stage, seconds in _STEP_DONE.findall(log):
        found.setdefault(stage, {})[step] = float(seconds)
    return found


def _table(result: dict[str, Any]) -> str:
    """Memory by replica, then times."""
    lines = [f"{'MB':12}{'RSS idle':>10}{'RSS after':>11}{'PSS after':>11}{'most':>8}"]
    for name, after in sorted(result["after"].items()):
        idle = result["idle"].get(name, {"rss_mb": 0})["rss_mb"]
        lines.append(
            f"{name:12}{idle:10}{after['rss_mb']:11}{after['pss_mb']:11}{after['peak_mb']:8}"
        )
    lines.append(f"\n{'s':12}" + "".join(f"{step:>10}" for step in ("import", "load", "warm-up")))
    for stage, steps in result["loading"].items():
        seconds = (steps.get(step, 0.0) for step in ("import", "load", "warm-up"))
        lines.append(f"{stage:12}" + "".join(f"{each:10.1f}" for each in seconds))
    lines.append("")
    for stage, seconds in result["stages_s"].items():
        lines.append(f"{stage:12}{seconds:10.2f} s")
    for name in ("folders", "start", "every_stage", "generation", "classify", "reference"):
        lines.append(f"{name:12}{result[name + '_s']:10.2f} s")
    apart = "largest difference from diffusers' pipeline"
    lines.append(f"{apart}: {result['largest_difference']} of 255")
    return "\n".join(lines)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return round(value, 5) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
