"""`python -m serve_app.jobs.generate`: make one image offline, as the service would.

    python -m serve_app.jobs.generate --prompt "a red circle on a white background" -o out.png
    python -m serve_app.jobs.generate --control docs/sketch.jpg --save-intermediates steps …

Reads models and defaults from a Serve file (`--config`). The seed gives the service's own image.
`--save-intermediates` writes what the picture was expected to become after each step.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from serve_app.config import AppArgs, read_args
from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise, request_of
from serve_app.denoise.trajectory import Work
from serve_app.errors import ServiceError
from serve_app.imaging import codec
from serve_app.imaging.canny import find_edges
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes.generator import GeneratorRuntime


def work_of(args: argparse.Namespace, settings: AppArgs) -> Work:
    """The request that the service would make of these options. Raises ServiceError, OSError."""
    defaults, limit = settings.defaults, settings.limits.max_image_pixels
    size = (defaults.width, defaults.height)
    pictures = {
        name: codec.decode(path.read_bytes(), limit, size) if path else None
        for name, path in (("control", args.control), ("image", args.image))
    }
    request = replace(
        request_of(defaults, args.prompt, args.seed, conditioned=args.control is not None),
        negative_prompt=args.negative_prompt,
        num_inference_steps=args.steps or defaults.num_inference_steps,
        sampler=args.sampler or defaults.sampler,
        strength=args.strength or defaults.strength,
    )
    edges = None
    if pictures["control"] is not None:
        thresholds = (defaults.canny_low_threshold, defaults.canny_high_threshold)
        edges = find_edges(pictures["control"], *thresholds)
    return Work(request, edges, pictures["image"])


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
    try:
        work = work_of(args, settings)
        runtime = GeneratorRuntime(settings.models.generator)
        with tqdm(total=work.steps, unit="step", disable=None) as bar:

            def on_step(index: int, step: int, expected: torch.Tensor) -> None:
                bar.update(step - bar.n)
                if args.save_intermediates:
                    (picture,) = runtime.decode([expected])
                    path = args.save_intermediates / f"step-{step:03}.png"
                    path.write_bytes(codec.encode(picture))

            if args.save_intermediates:
                args.save_intermediates.mkdir(parents=True, exist_ok=True)
            latents = denoise(Engine(runtime, 1), [work], on_step)
            bar.update(work.steps - bar.n)
    except (ServiceError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    args.output.write_bytes(codec.encode(runtime.decode(latents)[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
