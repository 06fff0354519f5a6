"""Step `load`: the rows of a table of prompts, one for each id."""

from typing import Any

from serve_app.jobs.evaluate.load import IMAGE, base_name, plain, read_table
from serve_app.jobs.evaluate.run_folder import Left, Problem, Row, Run
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.places import Place

REFERENCE = "reference_path"


def load(run: Run) -> Left:
    """Rows of `id`, `truth` (the prompt), `image` and `reference` (None where none is named),
    `label` and `given`.

    `given` are the other columns. `total` counts the rows of the file. Raises Unusable.
    """
    place = Place.of(run.pipeline.inputs)
    table = read_table(place, "id")
    prompt = run.pipeline.truth_column
    if not any(prompt in row for row in table):
        raise Unusable(f"{place.name} has no column {prompt!r}")
    problems: list[Problem] = []
    rows: dict[str, Row] = {}
    for number, row in enumerate(table, 1):
        given = {key: value for key, value in row.items() if key and value not in (None, "")}
        name = base_name(str(given.pop("id", "")))
        text = str(given.pop(prompt, "")).strip()
        if not name:
            problems.append(Problem("load", f"row {number}", "no id"))
        elif name in rows:
            problems.append(Problem("load", name, "this id was there already: the first counts"))
        elif not text:
            problems.append(Problem("load", name, f"no {prompt}"))
        else:
            label = given.pop(run.pipeline.label, None)
            rows[name] = {
                "id": name,
                "truth": text,
                "image": _uri(place, given.pop(IMAGE, None)),
                "reference": _uri(place, given.pop(REFERENCE, None)),
                "label": None if label is None else str(label).strip(),
                "given": {key: plain(value) for key, value in given.items()},
            }
    return Left(list(rows.values()), problems, {"total": len(table)})


def _uri(table: Place, path: Any) -> str | None:
    return None if path is None else table.folder.joined(str(path)).uri
