"""Make a picture from each image of a folder, as the service would, on Ray Data.

    python -m serve_app.jobs.images FOLDER -o OUT
    python -m serve_app.jobs.images FOLDER -o OUT --task controlnet --upscale 2 --caption
    python -m serve_app.jobs.images --manifest rows.csv -o OUT

Images are taken in sorted order. The prompt is the file's name without its extension, underscores
as spaces; a manifest's columns are image, prompt, negative_prompt, seed, strength,
num_inference_steps, model, name, mask or mask_image, mask_blur and padding_mask_crop, all but the
first of your choice. The same command again goes
on where the last one ended: pictures whose input and settings are as they were are left alone.

OUT gets a PNG an image, metrics.csv, failures.csv, grid.png, index.html and run.json.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from serve_app.config import AppArgs, SamplerName
from serve_app.errors import ServiceError
from serve_app.jobs.folders import execution, options, running
from serve_app.jobs.folders.inputs import Listing, Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.running import Part
from serve_app.jobs.images import models, report, rows
from serve_app.jobs.images.actor import PictureMaker
from serve_app.jobs.images.rows import Wanted
from serve_app.model_config import GeneratorModel

JOURNAL = ".records"
_IMAGES_STRENGTH, _MASKED_STRENGTH = 0.75, 1.0  # the second as in the service


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        return _run(args)
    except (Unusable, ServiceError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    execution.require_ray_data()
    configs = [options.service_settings(path) for path in args.config or [options.DEFAULT_CONFIG]]
    settings, output = configs[0], Place.of(args.output)
    wanted = _wanted(args, settings)
    listing = options.listing(
        args, rows.COLUMNS, frozenset({models.MODEL_NAMES}), wanted.task != "text-to-image"
    )
    if args.folder and Place.of(args.folder) == output:
        raise Unusable("the output goes to another folder than the images are in")
    by_name, model_of = _models(args, [each.models.generator for each in configs], listing)
    made_of, refused = rows.rows_of(listing.inputs, wanted, settings, by_name, model_of)
    if listing.left_out:
        some = ", ".join(listing.left_out[:5]) + (", …" if len(listing.left_out) > 5 else "")
        print(f"no images by their names, left out: {some}", file=sys.stderr)
    execution.connect(args.address)
    pool = options.pool(args)
    output.make_folder()
    parts = [
        Part(
            {
                "generator": model.model_dump(),
                "upscaler": settings.models.upscaler.model_dump() if wanted.upscale > 1 else None,
                "captioner": settings.models.captioner.model_dump() if wanted.caption else None,
                "limits": settings.limits.model_dump(),
                "batch_size": args.batch_size,
                "upscale": wanted.upscale,
                "thresholds": (
                    settings.defaults.canny_low_threshold,
                    settings.defaults.canny_high_threshold,
                ),
                "output": output.uri,
                "starts_from_image": wanted.starts_from_image,
                "by_edges": wanted.by_edges,
            },
            [row for row in made_of if row["model"] == name],
        )
        for name, model in by_name.items()
    ]
    journal = output / JOURNAL
    outcome = running.carry_out(parts, refused, PictureMaker, journal, pool, output.__truediv__)
    run = report.Run(made_of, wanted, outcome, by_name)
    print(report.write(run, output, args.metrics))
    return outcome.exit_code


def _wanted(args: argparse.Namespace, settings: AppArgs) -> Wanted:
    """Raises Unusable."""
    width, height = args.size or rows.default_size(settings)
    limits = settings.limits
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise Unusable(f"--size {width}x{height} is over the limits of the configuration")
    if (args.steps or 1) > limits.max_steps:
        raise Unusable(f"--steps: at most {limits.max_steps} by the configuration")
    if args.upscale > 1 and args.upscale not in settings.models.upscaler.by_scale:
        raise Unusable(f"--upscale {args.upscale}: the configuration has no such upscaler")
    if args.upscale > 1 and width * height > limits.max_upscale_pixels:
        raise Unusable(f"--upscale: at most {limits.max_upscale_pixels} pixels are upscaled")
    return Wanted(
        task=args.task,
        width=width,
        height=height,
        seed=args.seed,
        strength=_IMAGES_STRENGTH if args.strength is None else args.strength,
        masked_strength=_MASKED_STRENGTH if args.strength is None else args.strength,
        guidance_scale=args.guidance_scale,
        negative_prompt=args.negative_prompt,
        num_inference_steps=args.steps or settings.defaults.num_inference_steps,
        sampler=args.sampler or settings.defaults.sampler,
        upscale=args.upscale,
        caption=args.caption,
    )


def _models(
    args: argparse.Namespace, configured: list[GeneratorModel], listing: Listing
) -> tuple[dict[str, GeneratorModel], dict[str, str]]:
    """The models by name, and the name for each input. Raises Unusable, OSError."""
    place = None
    if args.model_names:
        place = Place.of(args.model_names)
    elif args.folder and (Place.of(args.folder) / models.MODEL_NAMES).exists():
        place = Place.of(args.folder) / models.MODEL_NAMES
    names = models.names_of(place.read().decode()) if place else [configured[0].name]
    if not names:
        raise Unusable(f"{models.MODEL_NAMES} names no model")
    drawn = models.drawn(names, args.seed, [each.name for each in listing.inputs])
    given = {str(each.given["model"]) for each in listing.inputs if "model" in each.given}
    folder = place.folder.local if place else None
    used = sorted({*drawn.values(), *given})
    return models.resolved({*names, *used}, configured, folder), dict(drawn)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError("a size is WxH, for example 512x512")
    if int(width) % 8 or int(height) % 8:
        raise argparse.ArgumentTypeError("width and height are multiples of 8")
    return int(width), int(height)


def _bounded(kind: type, least: float, most: float):  # type: ignore[no-untyped-def]
    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {most:g}")
        return value

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serve_app.jobs.images",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_inputs(parser, "a folder for the results; a path or a URI")
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        metavar="FILE",
        help="a Serve file with models and limits; further ones add generators for the draw",
    )
    parser.add_argument(
        "--model-names",
        metavar="FILE",
        help="draw each picture's model from its lines (default: model_names.txt in the folder, if "
        "it is there): a generator's name in a --config, a folder of weights, or a hub id",
    )
    parser.add_argument("--task", choices=rows.TASKS, default=rows.TASKS[0])
    parser.add_argument(
        "--size",
        type=_size,
        help="WxH (default: 256x256, or the configuration's default size where that is smaller, "
        "such as the demo's 128x128)",
    )
    parser.add_argument("--seed", type=_bounded(int, 0, 2**63 - 1), default=25)
    parser.add_argument(
        "--strength",
        type=_bounded(float, 0, 1),
        help="how much of an image is redrawn, 0 to 1 (default: 0.75, with a mask 1)",
    )
    parser.add_argument("--guidance-scale", type=_bounded(float, 0, 50), default=7.5)
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--steps", type=_bounded(int, 1, 1000), metavar="N")
    parser.add_argument("--sampler", choices=get_args(SamplerName))
    parser.add_argument("--upscale", type=int, choices=(1, 2, 4), default=1)
    parser.add_argument("--caption", action="store_true", help="describe each picture, too")
    parser.add_argument("--metrics", choices=("csv", "parquet"), default="csv")
    options.add_pool(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
