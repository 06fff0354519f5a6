"""`python -m serve_app.jobs.generate`: make one image offline, as the service would.

    python -m serve_app.jobs.generate --prompt "a red circle on a white background" -o out.png
    python -m serve_app.jobs.generate --control docs/sketch.jpg --save-intermediates steps …
    python -m serve_app.jobs.generate --image docs/sketch.jpg --mask-image left.png …

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
from serve_app.errors import InvalidRequest, ServiceError
from serve_app.imaging import codec, edits, masks
from serve_app.imaging.canny import find_edges
from serve_app.imaging.canvas import Canvas, canvas_of
from serve_app.imaging.edits import SentMask
from serve_app.imaging.png_parameters import hash_of, parameters_of
from serve_app.messages import CannyRequest, MaskSource
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes.generator import GeneratorRuntime


def work_of(args: argparse.Namespace, settings: AppArgs) -> tuple[Work, Canvas, str]:
    """The request that the service would make of these options, where its picture goes, and the
    text of its PNG.

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
    source = None
    if sent and request.image:
        header = codec.inspect(request.image, limit)
        request = edits.masked(request, sent, (header.width, header.height), settings.limits)
        source = MaskSource(sent.field, hash_of(sent.data), sent.blur, sent.padding)
    canvas = canvas_of(request, limit)
    edges = control = None
    if args.control:
        size = request.width, request.height
        thresholds = (defaults.canny_low_threshold, defaults.canny_high_threshold)
        control = CannyRequest(args.control.read_bytes(), *thresholds, size, request.region)
        picture = masks.pixels_at(control.image, limit, size, request.region)
        edges = find_edges(picture, *thresholds)
    (text,) = parameters_of(request, [request.seed], settings, control, mask=source)
    return Work(request, edges, canvas.image, canvas.mask), canvas, text


def mask_of(args: argparse.Namespace) -> SentMask | None:
    """Raises OSError, InvalidRequest."""
    if args.mask and args.mask_image:
        raise InvalidRequest("name one mask, --mask or --mask-image").about("mask")
    path, field = args.mask or args.mask_image, "mask" if args.mask else "mask_image"
    if not path:
        return None
    return SentMask(path.read_bytes(), field, args.mask_blur, args.padding_mask_crop)


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
    compute_as_replicas(args.config)
    try:
        work, canvas, text = work_of(args, settings)
        runtime = GeneratorRuntime(settings.models.generator)
        with tqdm(total=work.steps, unit="step", disable=None) as bar:

            def on_step(index: int, step: int, expected: torch.Tensor) -> None:
                bar.update(step - bar.n)
                if args.save_intermediates:
                    (picture,) = runtime.decode([expected])
                    _step(args, step).write_bytes(codec.encode(canvas.finished(picture)))

            if args.save_intermediates:
                args.save_intermediates.mkdir(parents=True, exist_ok=True)
            latents = denoise(Engine(runtime, 1), [work], on_step)
            bar.update(work.steps - bar.n)
        made = codec.encode(canvas.finished(runtime.decode(latents)[0]), parameters=text)
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
