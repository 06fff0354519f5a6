"""What the report says of a run: its gate, its worst cases, and how it differs from another."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serve_app.jobs.evaluate import run_folder
from serve_app.jobs.evaluate.answers import right, worst
from serve_app.jobs.evaluate.bounds import Bounds
from serve_app.jobs.evaluate.metrics import COVERAGE, chosen
from serve_app.jobs.evaluate.pipeline import Pipeline
from serve_app.jobs.evaluate.run_folder import Left, Row, Run
from serve_app.jobs.evaluate.scores import LOWER_IS_BETTER
from serve_app.jobs.folders.inputs import Unusable

STEPS = ("load", "preprocess", "predict", "join", "metrics")
Values = Mapping[str, float | None]


def told(run: Run) -> Left:
    """What report.json has: the problems of all steps, and the rest. Raises Unusable."""
    pipeline = run.pipeline
    left = {step: run.read(step) for step in STEPS}
    values = left["metrics"].more["values"]
    earlier = _values(run.against) if run.against else {}
    gate = gated(pipeline.gate, values, earlier)
    rows = left["join"].rows
    against = compared(run.against, rows, values, pipeline) if run.against else None
    more = {
        "task": pipeline.task,
        "inputs": pipeline.inputs,
        "outputs": left["predict"].more["outputs"],
        "total": left["load"].more["total"],
        "measured": left["metrics"].more["measured"],
        "metrics": values,
        "gate": gate,
        "passed": all(each["passed"] for each in gate),
        "classes": left["metrics"].more.get("classes"),
        "confusion": left["metrics"].more.get("confusion"),
        "worst": worst(rows, pipeline.task)[: pipeline.worst],
        "against": against,
    }
    return Left((), [each for step in STEPS for each in left[step].problems], more)


def check_gate(pipeline: Pipeline) -> None:
    """Raises Unusable for a gate on what is not measured."""
    names = {*chosen(pipeline), COVERAGE}
    for name in pipeline.gate:
        if name not in names and name.partition(".")[0] not in names:
            raise Unusable(f"gate: {name!r} is none of the metrics: {', '.join(sorted(names))}")


def check_against(pipeline: Pipeline, against: Path | None, folder: Path) -> None:
    """Before hours of work, not after. Raises Unusable."""
    if against is None:
        for name, bounds in pipeline.gate.items():
            if bounds.relative:
                raise Unusable(f"gate: {name} is bounded by an earlier run: name it with --against")
    elif against.resolve() == folder.resolve():
        raise Unusable(f"--against {against} is this run's own folder: name another with -o")
    else:
        run_folder.read(against, "metrics")


def gated(gate: Mapping[str, Bounds], values: Values, earlier: Values) -> list[dict[str, Any]]:
    """Each bound with the value, and `before`, the earlier run's, where it counts; and whether it
    is kept: what has no value misses it."""
    return [
        {
            "metric": name,
            **bounds.model_dump(exclude_none=True),
            "value": values.get(name),
            **({"before": earlier.get(name)} if bounds.relative else {}),
            "passed": bounds.hold(values.get(name), earlier.get(name)),
        }
        for name, bounds in gate.items()
    ]


def compared(
    folder: Path, rows: Sequence[Row], values: Values, pipeline: Pipeline
) -> dict[str, Any]:
    """This run against the one in `folder`: metrics of both, and whose answer changed.

    Raises Unusable where that is no folder of such a run.
    """
    earlier = _values(folder)
    before = {row["id"]: right(row, pipeline.task) for row in run_folder.read(folder, "join").rows}
    now = {row["id"]: right(row, pipeline.task) for row in rows}
    both = [name for name in now if name in before]
    return {
        "folder": str(folder),
        "metrics": {
            name: _difference(name, earlier.get(name), values.get(name), pipeline)
            for name in {**values, **earlier}
        },
        "newly_wrong": [name for name in both if before[name] and now[name] is False],
        "newly_right": [name for name in both if before[name] is False and now[name]],
        "only_now": [name for name in now if name not in before],
        "only_before": [name for name in before if name not in now],
    }


def _values(folder: Path) -> Values:
    values: Values = run_folder.read(folder, "metrics").more["values"]
    return values


def _difference(
    name: str, before: float | None, now: float | None, pipeline: Pipeline
) -> dict[str, Any]:
    """`change` is better, worse or same; lower is better where the gate says so."""
    if before is None or now is None:
        return {"before": before, "now": now, "change": None}
    bounds = pipeline.gate.get(name)
    lower = name in LOWER_IS_BETTER or (bounds is not None and bounds.lower_is_better)
    gain = before - now if lower else now - before
    change = "same" if gain == 0 else "better" if gain > 0 else "worse"
    return {"before": before, "now": now, "difference": now - before, "change": change}
