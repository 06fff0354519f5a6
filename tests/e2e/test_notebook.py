"""The notebook runs from top to bottom against the served demo, and shows what it kept."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


@pytest.fixture
def executed(service, tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGES_URL", service.url)
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))  # nothing of the user's own
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=120, resources=folder).execute()
    return notebook


def kinds(cell):
    """What a cell shows, without the values; what it prints comes in one piece or in several."""
    each = (
        (output.output_type, output.get("name"), *sorted(output.get("data", {})))
        for output in cell.outputs
    )
    return list(dict.fromkeys(each))


def test_it_runs_and_shows_what_it_kept(executed):
    kept = nbformat.read(NOTEBOOK, as_version=4)
    for cell, before in zip(executed.cells, kept.cells, strict=True):
        if cell.cell_type == "code":
            assert kinds(cell) == kinds(before), cell.source
    printed = "".join(
        output.text
        for cell in executed.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream"
    )
    assert "3 previews" in printed
    assert "the largest difference is below 1e-4" in printed
