"""The metrics as `docs/operate.md` has them."""

import re
from dataclasses import dataclass
from pathlib import Path

_ROW = re.compile(r"^\| `(ray_image_\w+)` \| (\w+) \| (.*?) \| (.*?) \| (.*) \|$", re.MULTILINE)
_MARKS = ("(GPU only)", "(after a loss only)", "(after one only)")


@dataclass(frozen=True)
class Row:
    kind: str
    labels: frozenset[str]
    rare: bool  # missing from a service on a CPU in which nothing went wrong


def documented() -> dict[str, Row]:
    """The rows by the metric's name, as it is scraped."""
    text = (Path(__file__).parents[1] / "docs" / "operate.md").read_text()
    return {
        name: Row(kind, frozenset(re.findall(r"`(\w+)`", labels)), meaning.endswith(_MARKS))
        for name, kind, labels, _, meaning in _ROW.findall(text)
    }
