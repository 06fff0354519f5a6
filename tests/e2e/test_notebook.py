"""The notebook runs from top to bottom against the served demo, and shows what it kept."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


def kinds(cell):
    """What a cell shows, without the values; what it prints comes in one piece or in several."""
    each = (
        (output.output_type, output.get("name"), *sorted(output.get("data", {})))
        for output in cell.outputs
    )
    return list(dict.fromkeys(each))


def test_it_runs_and_shows_what_it_kept(service, tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGES_URL", service.url)
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))  # nothing of the user's own
    kept = nbformat.read(NOTEBOOK, as_version=4)
    executed = nbformat.read(NOTEBOOK, as_version=4)
    folder = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(executed, timeout=240, resources=folder).execute()
    printed = ""
    for cell, before in zip(executed.cells, kept.cells, strict=True):
        if cell.cell_type == "code":
            assert kinds(cell) == kinds(before), cell.source
            printed += "".join(output.get("text", "") for output in cell.outputs)
    assert "3 previews" in printed
    assert "every byte the same\n" in printed and "the largest difference is below 1e-4" in printed
