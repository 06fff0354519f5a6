"""A run's folder: a step leaves `<step>.json` with its rows and the problems that it met."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serve_app.jobs.evaluate.pipeline import Pipeline
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.one_line import one_line

Row = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """What is wrong with an image, a row or a metric; `of` is its name."""

    step: str
    of: str
    problem: str


@dataclass(frozen=True)
class Left:
    """What a step left; `more` is what else the next ones need."""

    rows: Sequence[Row] = ()
    problems: Sequence[Problem] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """What each step is given. `against` is the folder of an earlier run."""

    pipeline: Pipeline
    folder: Path
    against: Path | None = None

    def write(self, step: str, left: Left) -> None:
        """Raises OSError."""
        told = {**left.more, "problems": [vars(each) for each in left.problems]}
        if left.rows:
            told["rows"] = left.rows
        text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
        write_text(self.folder / f"{step}.json", text)

    def read(self, step: str) -> Left:
        """Raises Unusable where the step has not been run."""
        return read(self.folder, step)


def read(folder: Path, step: str) -> Left:
    """What a step left in a run's folder. Raises Unusable."""
    path = folder / f"{step}.json"
    try:
        told = json.loads(path.read_text())
        problems = [Problem(**each) for each in told.pop("problems")]
        return Left(told.pop("rows", []), problems, told)
    except FileNotFoundError as error:
        raise Unusable(f"{path} is missing: run the step {step} first") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{path} cannot be read: {one_line(error)}") from error


def write_text(path: Path, text: str) -> None:
    """As a whole or not at all. What is no Unicode is replaced. Raises OSError."""
    Place.of(path).write(text.encode(errors="replace"))
