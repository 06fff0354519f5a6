"""Step `join`: each input with its prediction, by base name; what does not fit is a problem."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serve_app.jobs.evaluate.load import base_name, read_table
from serve_app.jobs.evaluate.run_folder import Left, Problem, Run
from serve_app.jobs.folders.places import Place

CLASS_COLUMN = "prob_"
Tell = Callable[[str, str], None]
"""Is told whose problem it is, and what it is."""
_SUM_TOLERANCE = 1e-2


def join(run: Run) -> Left:
    """Rows of `load` with `pred`, and for classes `prob` in 0 to 1 and `probabilities` by class.

    The last two are None where they are not told or are no probabilities. `classes` are those of
    the pipeline, of the columns `prob_*`, or of the inputs. Raises Unusable.
    """
    loaded = run.read("load")
    table = read_table(Place(run.read("predict").more["outputs"]), "id")
    if run.pipeline.task == "caption":
        return joined(loaded, table, "caption", None)
    columns = [str(key) for row in table[:1] for key in row if str(key).startswith(CLASS_COLUMN)]
    classes = run.pipeline.classes or [name.removeprefix(CLASS_COLUMN) for name in columns]
    known = classes or sorted({row["truth"] for row in loaded.rows if row["truth"] is not None})
    return joined(loaded, table, "pred", known)


def joined(
    loaded: Left,
    table: Sequence[Mapping[str, Any]],
    column: str,
    classes: Sequence[str] | None,
) -> Left:
    """As `join`; `column` has the prediction, `classes` is None for captions."""
    problems: list[Problem] = []

    def tell(of: str, problem: str) -> None:
        problems.append(Problem("join", of, problem))

    inputs = {row["id"]: row for row in loaded.rows}
    found = matched([*inputs], table, column, tell, blank=classes is None)
    rows = []
    for name, truth in inputs.items():
        if name not in found:
            continue
        row = {**truth, "pred": str(found[name][column]).strip()}
        if classes is not None:
            row |= _probabilities(name, found[name], classes, tell)
            if row["pred"] not in classes:
                tell(name, f"unknown class {row['pred']!r}: counts as wrong")
            if row["truth"] is not None and row["truth"] not in classes:
                tell(name, f"unknown class {row['truth']!r} in the inputs: left out")
                continue
        rows.append(row)
    return Left(rows, problems, {"classes": classes, "total": loaded.more["total"]})


def matched(
    ids: Sequence[str],
    table: Sequence[Mapping[str, Any]],
    column: str,
    tell: Tell,
    blank: bool = False,
) -> dict[str, Mapping[str, Any]]:
    """The first prediction of each id that says something in `column`, be it `blank`."""
    known = set(ids)
    found: dict[str, Mapping[str, Any]] = {}
    empty: set[str] = set()
    for number, row in enumerate(table, 1):
        name, said = base_name(str(row.get("id") or "")), row.get(column)
        if not name:
            tell(f"row {number}", "no id")
        elif name in found:
            tell(name, "a second prediction: the first counts")
        elif name not in known:
            tell(name, "a prediction for what is not among the inputs")
        elif said is None or not (blank or str(said).strip()):
            empty.add(name)
            tell(name, f"no {column}")
        else:
            found[name] = row
    for name in ids:
        if name not in found and name not in empty:
            tell(name, "no prediction")
    return found


def _probabilities(
    name: str, row: Mapping[str, Any], classes: Sequence[str], tell: Tell
) -> dict[str, Any]:
    prob = probability(row.get("prob"))
    if prob is None:
        tell(name, f"prob {_shown(row.get('prob'))} is no probability")
    each = {label: row.get(f"{CLASS_COLUMN}{label}") for label in classes}
    if all(value is None for value in each.values()):
        return {"prob": prob, "probabilities": None}
    values = {label: probability(value) for label, value in each.items()}
    wrong = [label for label, value in values.items() if value is None]
    total = sum(value for value in values.values() if value is not None)
    if wrong:
        tell(name, f"{CLASS_COLUMN}{wrong[0]} {_shown(each[wrong[0]])} is no probability")
    elif abs(total - 1) > _SUM_TOLERANCE:
        tell(name, f"the probabilities add up to {total:.3g}")
    else:
        return {"prob": prob, "probabilities": values}
    return {"prob": prob, "probabilities": None}


def probability(value: Any) -> float | None:
    """A number in 0 to 1, otherwise None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0 <= number <= 1 else None


def _shown(value: Any) -> str:
    return "(none)" if value in (None, "") else repr(value)[:60]
