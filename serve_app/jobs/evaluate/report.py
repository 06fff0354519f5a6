"""Step `report`: report.json, report.md and report.html, which is one file with its pictures."""

import re
from html import escape

from serve_app.jobs.evaluate import page, verdict
from serve_app.jobs.evaluate.run_folder import Left, Run, write_text
from serve_app.jobs.evaluate.wording import (
    CASES,
    CHANGES,
    CLASS_SCORES,
    bounds,
    case,
    class_cells,
    kept,
    shown,
)

_MANY = 200  # problems in report.md; report.json has all


def report(run: Run) -> Left:
    """Leaves what report.json has, `passed` among it. Raises Unusable, OSError."""
    left = verdict.told(run)
    write_text(run.folder / "report.md", markdown(left))
    write_text(run.folder / "report.html", page.page(left))
    return left


def markdown(left: Left) -> str:
    """The report without pictures; names and captions are escaped."""
    told = left.more
    parts = [
        f"# Evaluation: {told['task']}\n",
        f"{told['measured']} of {told['total']} rows of {_cell(told['inputs'])} measured.\n",
        _table(["metric", "value"], [[name, shown(v)] for name, v in told["metrics"].items()]),
    ]
    if told["gate"]:
        rows = [
            [each["metric"], bounds(each), shown(each["value"]), kept(each)]
            for each in told["gate"]
        ]
        parts += ["## Gate\n", _table(["metric", "must be", "is", ""], rows)]
    if told["against"]:
        parts += ["## Against an earlier run\n", f"{_cell(told['against']['folder'])}\n"]
        rows = [
            [name, shown(each["before"]), shown(each["now"]), each["change"] or ""]
            for name, each in told["against"]["metrics"].items()
        ]
        parts += [_table(["metric", "before", "now", ""], rows)]
        parts += [f"{title}: {_names(told['against'][key])}\n" for key, title in CHANGES.items()]
    if told["classes"]:
        parts += ["## Classes\n"]
        parts += [_table(["class", *CLASS_SCORES], [class_cells(e) for e in told["classes"]])]
    if told["worst"]:
        rows = [[row["id"], *case(row, told["task"]).values()] for row in told["worst"]]
        head = ["id", *CASES[told["task"]].values()]
        parts += ["## Worst cases\n", _table(head, rows)]
    if left.problems:
        rows = [[each.step, each.of, each.problem] for each in left.problems]
        parts += [f"## Problems: {len(rows)}\n", _table(["step", "of", "problem"], rows[:_MANY])]
    return "\n".join(parts)


def _names(names: list[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return (", ".join(map(_cell, names[:20])) or "none") + more


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *[[_cell(cell) for cell in row] for row in rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escape(" ".join(text.split()), quote=False))
