"""What the command lines of these jobs share."""

import argparse
from pathlib import Path

import yaml
from pydantic import ValidationError

from serve_app.config import AppArgs, read_args
from serve_app.jobs.folders import inputs
from serve_app.jobs.folders.execution import Pool
from serve_app.jobs.folders.inputs import Listing, Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.one_line import one_line
from serve_app.model_config import PROJECT_ROOT

DEFAULT_CONFIG = PROJECT_ROOT / "serve_config.yaml"


def add_inputs(parser: argparse.ArgumentParser, output: str) -> None:
    parser.add_argument(
        "folder", nargs="?", help="a folder of images: a path, or a URI such as s3://bucket/images"
    )
    parser.add_argument("-o", "--output", required=True, help=output)
    parser.add_argument(
        "--manifest", metavar="FILE", help="a CSV, JSONL or parquet with a row for each image"
    )


def add_pool(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("resources")
    group.add_argument("--concurrency", type=int, default=1, help="actors (default: 1)")
    group.add_argument(
        "--num-cpus", type=float, default=1, help="CPUs of each actor, its torch threads too"
    )
    group.add_argument(
        "--num-gpus", type=float, help="of each actor, such as 0.5 (default: 1 where there are any)"
    )
    group.add_argument("--batch-size", type=int, default=8, help="images a step (default: 8)")
    group.add_argument(
        "--address",
        help="of a Ray cluster (default: RAY_ADDRESS, or a Ray of its own on this machine)",
    )


def listing(
    args: argparse.Namespace,
    columns: frozenset[str],
    besides: frozenset[str] = frozenset(),
    images: bool = True,
) -> Listing:
    """What the command line names. Raises Unusable, OSError."""
    root = Place.of(args.folder) if args.folder else None
    if args.manifest:
        return inputs.manifest(Place.of(args.manifest), columns, root, images)
    if root is None:
        raise Unusable("name a folder or a --manifest")
    return inputs.folder(root, besides)


def pool(args: argparse.Namespace) -> Pool:
    """To be called when Ray is connected. Raises Unusable."""
    import ray

    if args.concurrency < 1 or args.batch_size < 1 or args.num_cpus <= 0:
        raise Unusable("--concurrency, --batch-size and --num-cpus are over 0")
    there = ray.cluster_resources()
    gpus = (1.0 if there.get("GPU") else 0.0) if args.num_gpus is None else args.num_gpus
    if gpus > there.get("GPU", 0):
        raise Unusable(f"--num-gpus {gpus:g}: this cluster has {there.get('GPU', 0):g}")
    # What waits in the actor fills the batch when several rows finish at once.
    return Pool(args.concurrency, args.num_cpus, gpus, 4 * args.batch_size)


def service_settings(path: Path) -> AppArgs:
    """The `args:` of a Serve file. Raises Unusable."""
    try:
        return read_args(path)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValidationError, LookupError, TypeError) as error:
        raise Unusable(f"{path} is no Serve file of this service: {one_line(error)}") from error
