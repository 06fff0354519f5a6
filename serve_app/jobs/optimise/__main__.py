"""Measure the backends of the configured models, judge them, and record what passed.

    python -m serve_app.jobs.optimise                          # every model, every backend here
    python -m serve_app.jobs.optimise captioner --config my.yaml --pictures my-pictures
    python -m serve_app.jobs.optimise generator --backends openvino --count 8 --steps 4

On one torch thread, against eager in float32. Each backend is loaded twice, before and after its
files are in a cache, in processes of its own; speeds are medians over rounds in which eager and the
backend take turns. Each verdict goes at once to the record that the model's `verdicts` names, and
without one to the packaged record.
"""

import argparse
import os
import sys
from pathlib import Path

import yaml

from serve_app.config import AppArgs, read_args
from serve_app.jobs.optimise import report
from serve_app.jobs.optimise.inputs import PROMPTS, read_inputs
from serve_app.jobs.optimise.measure import BACKENDS, measured
from serve_app.jobs.optimise.subjects import SUBJECTS
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes import verdicts


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = sorted({name for each in BACKENDS.values() for name in each} | {"eager"})
    parser.add_argument("models", nargs="*", metavar="model", help=", ".join(SUBJECTS))
    parser.add_argument("--backends", nargs="+", choices=names, metavar="backend", help=str(names))
    parser.add_argument("--config", type=Path, default=PROJECT_ROOT / "serve_config.yaml")
    parser.add_argument("--pictures", type=Path, default=PROJECT_ROOT / "demo" / "pictures")
    parser.add_argument("--prompts", type=Path, help=f"a line each; otherwise {PROMPTS} with them")
    parser.add_argument("--count", type=int, default=40, help="pictures to judge by, at most")
    parser.add_argument("--steps", type=int, help="of the generator; otherwise the configuration's")
    parser.add_argument("--rounds", type=int, default=3, help="of the speeds")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draws speed against quality")
    options = parser.parse_args(argv)
    if unknown := set(options.models) - set(SUBJECTS):
        parser.error(f"unknown model: {', '.join(sorted(unknown))}")
    if min(options.count, options.rounds, options.steps or 1) < 1:
        parser.error("--count, --rounds and --steps begin at 1")
    kinds = options.models or list(SUBJECTS)
    try:
        args = settings_of(options.config, options.steps)
        inputs = read_inputs(options.pictures, options.prompts, options.count)
        if "generator" in kinds and not inputs.prompts:
            raise ValueError(f"the generator needs prompts: --prompts, or {PROMPTS} in the folder")
        records = {kind: record_of(args, kind) for kind in kinds}
    except (OSError, ValueError) as error:
        parser.error(str(error))
    known = []
    for kind in kinds:
        try:
            for verdict in measured(args, inputs, kind, options.backends, options.rounds):
                print(report.table([verdict]).splitlines()[-1], flush=True)
                report.record(records[kind], verdict)
                known.append(verdict)
        except RuntimeError as error:
            print(f"{kind} eager float32: {error}", file=sys.stderr)
    if options.plot and known:
        report.plot(known, options.plot)
    print("\n" + report.table(known))
    return 0 if known else 1


def settings_of(path: Path, steps: int | None) -> AppArgs:
    """A Serve file's `args:`, with other steps if given. Raises OSError and ValueError."""
    try:
        args = read_args(path)
    except (yaml.YAMLError, LookupError, TypeError) as error:
        raise ValueError(f"{path}: no Serve file with the args: of an application") from error
    changed = {"num_inference_steps": steps or args.defaults.num_inference_steps}
    return args.model_copy(update={"defaults": args.defaults.model_copy(update=changed)})


def record_of(args: AppArgs, kind: str) -> Path:
    """Where the verdicts on a model go. Raises OSError where they cannot be written, ValueError
    where another file is."""
    path = getattr(args.models, kind).verdicts or verdicts.RECORD
    verdicts.recorded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path} cannot be written; `verdicts` of the {kind} names another")
    return path


if __name__ == "__main__":
    sys.exit(main())
