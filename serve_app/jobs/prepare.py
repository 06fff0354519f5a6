"""`python -m serve_app.jobs.prepare [CONFIG]`: do before a start what the first one takes long for.

Downloads the models of a Serve file from the hub and converts their networks for the backends that
it names, into the caches that the service reads at its start: when a container image is built, or
on a node before its first replica.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

from serve_app.config import read_args
from serve_app.model_config import PROJECT_ROOT, Models
from serve_app.runtimes.captioner import CaptionerRuntime
from serve_app.runtimes.classifier import ClassifierRuntime
from serve_app.runtimes.generator import GeneratorRuntime
from serve_app.runtimes.upscaler import UpscalerRuntime


def prepare(models: Models) -> None:
    """Load each model once, one after the other. Raises what loading it raises."""
    for name, load in (
        ("generator", lambda: GeneratorRuntime(models.generator)),
        ("upscaler", lambda: UpscalerRuntime(models.upscaler)),
        ("captioner", lambda: CaptionerRuntime(models.captioner)),
        ("classifier", lambda: ClassifierRuntime(models.classifier)),
    ):
        began = time.monotonic()
        load()
        print(f"{name}: loaded in {time.monotonic() - began:.0f} s", flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = PROJECT_ROOT / "serve_config.yaml"
    parser.add_argument("config", nargs="?", type=Path, default=default)
    config = parser.parse_args(argv).config
    logging.basicConfig()  # shows the runtimes' warnings, which Serve shows in a replica
    prepare(read_args(config).models)
    return 0


if __name__ == "__main__":
    sys.exit(main())
