"""Evaluate a model's answers: a report, and an exit code for a gate.

    python -m serve_app.jobs.evaluate PIPELINE.yaml
    python -m serve_app.jobs.evaluate PIPELINE.yaml -o runs/new --against runs/old
    python -m serve_app.jobs.evaluate PIPELINE.yaml --step metrics --step report

The steps are load, preprocess, predict, join, metrics and report. Each leaves its files in the
run's folder, and can be started alone with those of the steps before. Exit code: 0, 1 where the
gate is missed, 2 for a pipeline that cannot be run, 130 after Ctrl-C.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from serve_app.jobs.evaluate import pipeline, verdict
from serve_app.jobs.evaluate.run_folder import Run
from serve_app.jobs.evaluate.steps import NAMES, STEPS
from serve_app.jobs.evaluate.wording import bounds, kept, shown
from serve_app.jobs.folders import execution
from serve_app.jobs.folders.inputs import Unusable


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        execution.require_ray_data()
        found = pipeline.read(args.pipeline)
        verdict.check_gate(found)
        run = Run(found, args.output or found.output, args.against)
        wanted = args.step or NAMES
        if "report" in wanted:
            verdict.check_against(found, run.against, run.folder)
        run.folder.mkdir(parents=True, exist_ok=True)
        for name, step in STEPS[found.task].items():
            if name in wanted:
                run.write(name, step(run))
        return _said(run) if "report" in wanted else 0
    except (Unusable, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _said(run: Run) -> int:
    """Prints the values and the gate; the exit code."""
    told = json.loads((run.folder / "report.json").read_text())
    print(f"{told['measured']} of {told['total']} rows measured, {len(told['problems'])} problems")
    for name, value in told["metrics"].items():
        print(f"{name:24} {shown(value)}")
    for each in told["gate"]:
        print(f"gate: {each['metric']} {bounds(each)}: {kept(each)}")
    print(run.folder / "report.html")
    return 0 if told["passed"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serve_app.jobs.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pipeline", type=Path, metavar="PIPELINE.yaml")
    parser.add_argument("-o", "--output", type=Path, help="the run's folder, not the pipeline's")
    parser.add_argument("--against", type=Path, metavar="RUN_FOLDER", help="an earlier run")
    parser.add_argument("--step", action="append", choices=NAMES, help="this one alone; repeatable")
    return parser


if __name__ == "__main__":
    sys.exit(main())
