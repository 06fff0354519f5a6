"""`python -m serve_app.jobs.generate`: make one image offline, as the service would.

    python -m serve_app.jobs.generate --prompt "a red circle on a white background" -o out.png
    python -m serve_app.jobs.generate --control docs/sketch.jpg --save-intermediates steps …

Reads models, backends and defaults from a Serve file (`--config`), and computes on as many threads
as a replica of its generator. So on the same machine a seed gives the service's own image, pixel
for pixel, of a request that names the file's default size; without a size the service takes the
shape of the picture that is sent. `OMP_NUM_THREADS` sets another number of threads, which add in
another order. `--save-intermediates` writes what the picture was expected to become after each
step, and after the last what it became.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from serve_app.config import AppArgs, read_args, read_cpus
from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise, request_of
from serve_app.denoise.trajectory import Work
from serve_app.errors import ServiceError
from serve_app.imaging import codec
from serve_app.imaging.canny import find_edges
from serve_app.imaging.png_parameters import parameters_of
from serve_app.messages import CannyRequest
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes.generator import GeneratorRuntime


def work_of(args: argparse.Namespace, settings: AppArgs) -> tuple[Work, str]:
    """The request that the service would make of these options, and the text of its PNG. Raises
    ServiceError, OSError."""
    defaults, limit = settings.defaults, settings.limits.max_image_pixels
    size = (defaults.width, defaults.height)
    control_file, image_file = (
        path.read_bytes() if path else None for path in (args.control, args.image)
    )
    request = replace(
        request_of(defaults, args.prompt, args.seed, conditioned=args.control is not None),
        negative_prompt=args.negative_prompt,
        num_inference_steps=args.steps or defaults.num_inference_steps,
        sampler=args.sampler or defaults.sampler,
        strength=args.strength or defaults.strength,
    )
    edges = control = None
    if control_file is not None:
        thresholds = (defaults.canny_low_threshold, defaults.canny_high_threshold)
        control = CannyRequest(control_file, *thresholds, size)
        edges = find_edges(codec.decode(control_file, limit, size), *thresholds)
    image = codec.decode(image_file, limit, size) if image_file is not None else None
    sent = replace(request, image=image_file)
    (text,) = parameters_of(sent, [request.seed], settings, control)
    return Work(request, edges, image), text


def compute_as_replicas(config: Path) -> None:
    """On as many threads as Ray gives a replica of the generator: with others, sums differ."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, int(read_cpus(config, "Generator"))))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=PROJECT_ROOT / "serve_config.yaml")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--control", type=Path, help="a picture whose edges steer the result")
    parser.add_argument("--image", type=Path, help="a picture to start from")
    parser.add_argument("--strength", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--sampler")
    parser.add_argument("--save-intermediates", type=Path, metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, default=Path("out.png"))
    args = parser.parse_args(argv)
    settings = read_args(args.config)
    compute_as_replicas(args.config)
    try:
        work, text = work_of(args, settings)
        runtime = GeneratorRuntime(settings.models.generator)
        with tqdm(total=work.steps, unit="step", disable=None) as bar:

            def on_step(index: int, step: int, expected: torch.Tensor) -> None:
                bar.update(step - bar.n)
                if args.save_intermediates:
                    (picture,) = runtime.decode([expected])
                    _step(args, step).write_bytes(codec.encode(picture))

            if args.save_intermediates:
                args.save_intermediates.mkdir(parents=True, exist_ok=True)
            latents = denoise(Engine(runtime, 1), [work], on_step)
            bar.update(work.steps - bar.n)
        made = codec.encode(runtime.decode(latents)[0], parameters=text)
        if args.save_intermediates:
            _step(args, work.steps).write_bytes(made)
        args.output.write_bytes(made)
    except (ServiceError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _step(args: argparse.Namespace, number: int) -> Path:
    folder: Path = args.save_intermediates
    return folder / f"step-{number:03}.png"


if __name__ == "__main__":
    sys.exit(main())
