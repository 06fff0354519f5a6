"""Images are opened before a model is."""

import csv

from serve_app.jobs.evaluate.load import load
from serve_app.jobs.evaluate.preprocess import preprocess
from tests.images import encoded, sketch
from tests.unit.jobs.evaluate.folder import pictures, run_of


def test_only_what_can_be_read_goes_on(tmp_path):
    pictures(tmp_path, "a.png")
    (tmp_path / "cut.png").write_bytes(encoded(sketch())[:500])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    names = ["a.png", "cut.png", "text.png", "folder.png", "none.png"]
    table = "".join(f"{name},circle\n" for name in names)
    (tmp_path / "inputs.csv").write_text("image_path,label\n" + table)
    run = run_of(tmp_path)
    run.write("load", load(run))
    left = preprocess(run)
    assert [(row["id"], row["width"], row["height"]) for row in left.rows] == [("a.png", 64, 64)]
    assert {each.of for each in left.problems} == {"cut.png", "text.png", "folder.png"}
    with (run.folder / "manifest.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["a.png"]
