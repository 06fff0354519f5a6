"""`python -m serve_app.jobs.generate`: make one image offline, as the service would.

    python -m serve_app.jobs.generate --prompt "a red circle on a white background" -o out.png
    python -m serve_app.jobs.generate --control docs/sketch.jpg --save-intermediates steps …
    python -m serve_app.jobs.generate --image docs/sketch.jpg --mask-image left.png …

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
from serve_app.errors import InvalidRequest, ServiceError
from serve_app.imaging import codec, edits, masks
from serve_app.imaging.canny import find_edges
from serve_app.imaging.canvas import Canvas, canvas_of
from serve_app.imaging.edits import SentMask
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes.generator import GeneratorRuntime


def work_of(args: argparse.Namespace, settings: AppArgs) -> tuple[Work, Canvas]:
    """The request that the service would make of these options, and where its picture goes.

    Raises ServiceError, OSError.
    """
    defaults, limit = settings.defaults, settings.limits.max_image_pixels
    sent = mask_of(args)
    if sent and not args.image:
        raise InvalidRequest("a mask is of an --image").about(sent.field)
    request = replace(
        request_of(defaults, args.prompt, args.seed, conditioned=args.control is not None),
        negative_prompt=args.negative_prompt,
        num_inference_steps=args.steps or defaults.num_inference_steps,
        sampler=args.sampler or defaults.sampler,
        strength=args.strength or (1.0 if sent else defaults.strength),
        image=args.image.read_bytes() if args.image else None,
    )
    if sent and request.image:
        header = codec.inspect(request.image, limit)
        request = edits.masked(request, sent, (header.width, header.height), settings.limits)
    canvas = canvas_of(request, limit)
    edges = None
    if args.control:
        size = request.width, request.height
        control = masks.pixels_at(args.control.read_bytes(), limit, size, request.region)
        thresholds = (defaults.canny_low_threshold, defaults.canny_high_threshold)
        edges = find_edges(control, *thresholds)
    return Work(request, edges, canvas.image, canvas.mask), canvas


def mask_of(args: argparse.Namespace) -> SentMask | None:
    """Raises OSError, InvalidRequest."""
    if args.mask and args.mask_image:
        raise InvalidRequest("name one mask, --mask or --mask-image").about("mask")
    path, field = args.mask or args.mask_image, "mask" if args.mask else "mask_image"
    if not path:
        return None
    return SentMask(path.read_bytes(), field, args.mask_blur, args.padding_mask_crop)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=PROJECT_ROOT / "serve_config.yaml")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--control", type=Path, help="a picture whose edges steer the result")
    parser.add_argument("--image", type=Path, help="a picture to start from")
    parser.add_argument("--mask", type=Path, help="a PNG, transparent where --image is edited")
    parser.add_argument("--mask-image", type=Path, help="the same in white on black")
    parser.add_argument("--mask-blur", type=float, default=0.0, metavar="PIXELS")
    parser.add_argument("--padding-mask-crop", type=int, metavar="PIXELS")
    parser.add_argument("--strength", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--sampler")
    parser.add_argument("--save-intermediates", type=Path, metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, default=Path("out.png"))
    args = parser.parse_args(argv)
    settings = read_args(args.config)
    try:
        work, canvas = work_of(args, settings)
        runtime = GeneratorRuntime(settings.models.generator)
        with tqdm(total=work.steps, unit="step", disable=None) as bar:

            def on_step(index: int, step: int, expected: torch.Tensor) -> None:
                bar.update(step - bar.n)
                if args.save_intermediates:
                    (picture,) = runtime.decode([expected])
                    path = args.save_intermediates / f"step-{step:03}.png"
                    path.write_bytes(codec.encode(canvas.finished(picture)))

            if args.save_intermediates:
                args.save_intermediates.mkdir(parents=True, exist_ok=True)
            latents = denoise(Engine(runtime, 1), [work], on_step)
            bar.update(work.steps - bar.n)
    except (ServiceError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    args.output.write_bytes(codec.encode(canvas.finished(runtime.decode(latents)[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
