"""The metrics as `docs/operate.md` has them."""

import re
from dataclasses import dataclass
from pathlib import Path

_MARKS = ("(GPU only)", "(after a loss only)", "(after one only)")


@dataclass(frozen=True)
class Row:
    kind: str
    labels: frozenset[str]
    rare: bool  # missing from a service on a CPU in which nothing went wrong


def documented() -> dict[str, Row]:
    """The rows by the metric's name, as it is scraped."""
    text = (Path(__file__).parents[1] / "docs" / "operate.md").read_text()
    rows = {}
    for line in text.splitlines():
        if line.startswith("| `ray_image_"):
            name, kind, labels, _, meaning = (cell.strip() for cell in line.split("|")[1:-1])
            names = frozenset(re.findall(r"`(\w+)`", labels))
            rows[name.strip("`")] = Row(kind, names, meaning.endswith(_MARKS))
    return rows
