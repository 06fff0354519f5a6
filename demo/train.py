"""Train a demo model from scratch: `python -m demo.train generator --minutes 60`.

Stopped half way, the same command goes on from the last checkpoint. It ends with the evaluation.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from demo import evaluate
from demo.train_captioner import train_captioner
from demo.train_classifier import train_classifier
from demo.train_generator import train_generator
from demo.train_upscaler import train_upscalers

_TRAINERS = {
    "generator": train_generator,
    "captioner": train_captioner,
    "upscaler": train_upscalers,
    "classifier": train_classifier,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", choices=_TRAINERS)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to train")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="processor cores to use, otherwise all")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    _TRAINERS[options.model](options.minutes, options.checkpoints, options.device)
    evaluate.main([options.model])


if __name__ == "__main__":
    main()
