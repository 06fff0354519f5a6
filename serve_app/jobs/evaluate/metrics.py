"""Step `metrics`: every metric of the pipeline, by name or of the user, over the joined rows.

A user's own is `module:function` or `file.py:function`. It gets a list of rows, each a dict of
`id`, `image`, `truth` (None where the inputs have no answers), `pred`, `prob`, `probabilities` and
`given` (the other columns of the inputs), and returns a number, or numbers by name. One that
raises, or returns something else, has no value, and the report says why.
"""

import copy
import importlib
import importlib.util
import math
import numbers
import sys
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from serve_app.jobs.evaluate.pipeline import Pipeline
from serve_app.jobs.evaluate.run_folder import Left, Problem, Row, Run
from serve_app.jobs.evaluate.scores import DEFAULT, NAMED, Metric, NotMeasurable
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.one_line import one_line

COVERAGE = "coverage"
"""The share of the inputs' rows that have been measured; always there."""


def metrics(run: Run) -> Left:
    """Leaves `values` by name (None where there is none); for classes `confusion`, and `classes`,
    the scores of each."""
    left = run.read("join")
    values: dict[str, float | None] = {COVERAGE: _share(len(left.rows), left.more["total"])}
    problems: list[Problem] = []
    answered = [row for row in left.rows if row["truth"] is not None]
    named = NAMED[run.pipeline.task]
    for name, metric in chosen(run.pipeline).items():
        rows = answered if name in named else list(left.rows)
        found, told = measured(name, metric, rows)
        values |= found
        problems += [Problem("metrics", name, text) for text in told]
    more: dict[str, Any] = {"values": values, "measured": len(left.rows)}
    if run.pipeline.task == "classify":
        more["confusion"] = confusion(answered, left.more["classes"])
        more["classes"] = of_each(**more["confusion"])
    return Left((), problems, more)


def chosen(pipeline: Pipeline) -> dict[str, Metric]:
    """The pipeline's metrics. Raises Unusable for one that is not there."""
    named = NAMED[pipeline.task]
    found: dict[str, Metric] = {}
    for text in pipeline.metrics or DEFAULT[pipeline.task]:
        name = text.rpartition(":")[2]
        if name in found or name == COVERAGE:
            raise Unusable(f"metrics: two are called {name!r}")
        if ":" in text:
            found[name] = custom(text)
        elif text in named:
            found[name] = named[text]
        else:
            raise Unusable(
                f"metrics: unknown {text!r}; known are {', '.join(sorted(named))}, "
                "module:function and file.py:function"
            )
    if pipeline.task == "classify" and not find_spec("sklearn"):
        raise Unusable("metrics of classes need scikit-learn: pip install '.[offline]'")
    return found


def custom(text: str) -> Metric:
    """A user's function. Raises Unusable."""
    where, _, name = text.rpartition(":")
    try:
        module = _of_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
        function = getattr(module, name)
    except Exception as error:  # whatever the user's code raises while it is loaded
        raise Unusable(f"metrics: {text}: {type(error).__name__}: {one_line(error)}") from error
    if not callable(function):
        raise Unusable(f"metrics: {text} is no function")
    return function


def _of_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"metrics_of_{path.stem}", path.absolute())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def measured(
    name: str, metric: Metric, rows: Sequence[Row]
) -> tuple[dict[str, float | None], list[str]]:
    """Values by name, `name.key` where there are several; and what is wrong with them."""
    if not rows:
        return {name: None}, ["no rows to measure"]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = metric(copy.deepcopy(list(rows)))
        except NotMeasurable as error:
            return {name: None}, [str(error)]
        except Exception as error:  # the user's own code
            return {name: None}, [f"{type(error).__name__}: {one_line(error)}"]
    problems = sorted({f"warns: {one_line(each.message)}" for each in warned})
    several = found if isinstance(found, Mapping) else {None: found}
    values: dict[str, float | None] = {}
    for key, value in several.items():
        called = name if key is None else f"{name}.{key}"
        values[called] = _number(value)
        if values[called] is None:
            problems.append(f"{called} is {one_line(value)}, which is no number")
    return values, problems


def confusion(rows: Sequence[Row], classes: Sequence[str]) -> dict[str, Any]:
    """`labels`, the classes that occur in their order, then others; `counts` [truth][pred]."""
    occurring = {label for row in rows for label in (row["truth"], row["pred"])}
    labels = [label for label in classes if label in occurring]
    labels += sorted(occurring - set(classes))
    pairs = Counter((row["truth"], row["pred"]) for row in rows)
    return {"labels": labels, "counts": [[pairs[a, b] for b in labels] for a in labels]}


def of_each(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Of each class of a confusion `precision`, `recall` and `f1` in 0 to 1, and `support`, the
    rows that are of it. None: precision of what was never predicted, recall of what never was."""
    found = []
    for index, label in enumerate(labels):
        hits, support = counts[index][index], sum(counts[index])
        predicted = sum(row[index] for row in counts)
        scores = {
            "precision": _share(hits, predicted),
            "recall": _share(hits, support),
            "f1": _share(2 * hits, predicted + support),
        }
        found.append({"class": label, **scores, "support": support})
    return found


def _number(value: Any) -> float | None:
    if not isinstance(value, numbers.Real) and not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _share(part: int, total: int) -> float | None:
    return part / total if total else None
