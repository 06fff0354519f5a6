"""Step `load`: the rows of inputs.csv, one for each base name, with the right answer if told."""

from pathlib import PurePosixPath
from typing import Any

from serve_app.jobs.evaluate.run_folder import Left, Problem, Row, Run
from serve_app.jobs.folders import inputs
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.one_line import one_line

IMAGE = "image_path"


def load(run: Run) -> Left:
    """Rows of `id`, `image` (None where there is no such file), `truth` and `given`.

    `given` are the other columns. `total` counts the rows of the file. Raises Unusable, OSError.
    """
    place = Place.of(run.pipeline.inputs)
    table = read_table(place, IMAGE)
    column = run.pipeline.truth_column
    labelled = any(column in row for row in table)
    problems: list[Problem] = []
    if not labelled:
        problems.append(Problem("load", place.name, f"no column {column!r}: no answer is known"))
    rows: dict[str, Row] = {}
    for number, row in enumerate(table, 1):
        given = {key: value for key, value in row.items() if key and value not in (None, "")}
        path, truth = str(given.pop(IMAGE, "")), given.pop(column, None)
        name = base_name(path)
        if not name:
            problems.append(Problem("load", f"row {number}", f"no {IMAGE}"))
        elif name in rows:
            problems.append(Problem("load", name, "this name was there already: the first counts"))
        elif labelled and truth is None:
            problems.append(Problem("load", name, f"no {column}"))
        else:
            image = place.folder.joined(path)
            there = exists(image)
            if not there:
                problems.append(Problem("load", name, f"no such file: {path}"))
            rows[name] = {
                "id": name,
                "image": image.uri if there else None,
                "truth": None if truth is None else str(truth).strip(),
                "given": {key: plain(value) for key, value in given.items()},
            }
    return Left(list(rows.values()), problems, {"total": len(table), "labelled": labelled})


def read_table(place: Place, column: str) -> list[dict[str, Any]]:
    """Rows of a CSV, JSONL or parquet file with this column. Raises Unusable."""
    try:
        rows = inputs.read_rows(place)
    except OSError as error:
        raise Unusable(f"{place.uri} cannot be read: {one_line(error)}") from error
    if rows and not any(column in row for row in rows):
        raise Unusable(f"{place.name} has no column {column!r}")
    return rows


def base_name(path: str) -> str:
    return PurePosixPath(path.strip()).name


def exists(image: Place) -> bool:
    """False for a name that no file can have too."""
    try:
        return image.exists()
    except (OSError, ValueError):
        return False


def plain(value: Any) -> Any:
    """What JSON can say."""
    return value if isinstance(value, str | int | bool) else str(value)
