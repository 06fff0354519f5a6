"""Convert checkpoints to the folders and files that the service loads.

    python -m serve_app.jobs.convert timm-vit model.safetensors OUT --pictures *.jpg
    python -m serve_app.jobs.convert safetensors pytorch_model.bin model.safetensors
    python -m serve_app.jobs.convert single-file model.safetensors OUT --like FOLDER

Each compares what it wrote with what it read, and prints the largest difference. Where that is too
large, or the checkpoint is refused, nothing is written and the exit code is 1.
"""

import argparse
import sys
from pathlib import Path

from serve_app.errors import ServiceError
from serve_app.jobs.convert import checkpoint
from serve_app.jobs.whole import new_file, new_folder


def timm_vit(args: argparse.Namespace) -> str:
    from serve_app.jobs.convert import timm_vit

    with new_folder(args.output) as folder:
        difference = timm_vit.convert(
            args.checkpoint, folder, args.pictures, args.architecture, args.labels
        )
    return f"largest difference of logits from timm's: {difference:.2g}"


def safetensors(args: argparse.Namespace) -> str:
    tensors = checkpoint.read(args.checkpoint)
    with new_file(args.output) as file:
        checkpoint.write(tensors, file)
    return f"{len(tensors)} tensors, every byte the same"


def single_file(args: argparse.Namespace) -> str:
    from serve_app.jobs.convert import single_file

    with new_folder(args.output) as folder:
        difference = single_file.convert(args.checkpoint, folder, args.like)
    return f"largest difference of a picture in 0 to 1: {difference:.2g}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(required=True, metavar="kind")
    vit = kinds.add_parser("timm-vit", help="timm's vision transformer to a classifier's folder")
    vit.set_defaults(run=timm_vit)
    pickled = kinds.add_parser("safetensors", help="a pickled .bin, .ckpt or .pth to safetensors")
    pickled.set_defaults(run=safetensors)
    single = kinds.add_parser(
        "single-file", help="a Stable Diffusion 1.x checkpoint to a generator's folder"
    )
    single.set_defaults(run=single_file)
    for kind in (vit, pickled, single):
        kind.add_argument("checkpoint", type=Path)
        kind.add_argument("output", type=Path)
    vit.add_argument("--pictures", type=Path, nargs="+", required=True, help="to compare by")
    vit.add_argument(
        "--architecture", help="timm's name; left out: as config.json beside the checkpoint says"
    )
    vit.add_argument("--labels", type=Path, help="a file of a class a line")
    single.add_argument(
        "--like",
        default="stable-diffusion-v1-5/stable-diffusion-v1-5",
        help="whose configurations and tokenizer: a diffusers folder, or a hub id; %(default)s",
    )
    args = parser.parse_args(argv)
    try:
        print(args.run(args))
    except (checkpoint.Refused, ServiceError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
