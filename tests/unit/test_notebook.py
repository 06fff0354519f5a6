"""The notebook as it is kept: small, every cell with what it showed, and nothing of a machine."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"
CELLS = nbformat.read(NOTEBOOK, as_version=4).cells
ABSOLUTE = re.compile(r"(?<![\w<:/.])/\w[\w.-]*/|\bfile:|/tmp\b")


def texts(output):
    """All that an output says in words."""
    shown = [output.get("text", ""), *output.get("traceback", [])]
    return [
        *shown,
        *(text for kind, text in output.get("data", {}).items() if "image/" not in kind),
    ]


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.cell_type == "code"])
def test_each_cell_kept_what_it_showed(cell):
    assert cell.outputs and cell.execution_count
    for output in cell.outputs:
        assert output.output_type != "error" and output.get("name") != "stderr"
        for text in texts(output):
            assert not ABSOLUTE.search(text), text


def test_the_cells_ran_once_from_top_to_bottom():
    counts = [cell.execution_count for cell in CELLS if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_it_validates_and_is_small():
    nbformat.validate(nbformat.read(NOTEBOOK, as_version=4))
    assert NOTEBOOK.stat().st_size < 1_500_000


def test_paths_of_machines_are_recognised():
    for path in ("saved to /home/me/out.png", "'/tmp/x'", "/srv/a", "file:///x"):
        assert ABSOLUTE.search(path), path
    for text in ("</td>\n</tr>", "1/2", "a/b/c", "http://127.0.0.1:8000/v1/images"):
        assert not ABSOLUTE.search(text), text
