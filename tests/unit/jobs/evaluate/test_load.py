"""inputs.csv: what is there, and what is wrong with it."""

import pytest

from serve_app.jobs.evaluate.load import load
from serve_app.jobs.folders.inputs import Unusable
from tests.unit.jobs.evaluate.folder import pictures, problems_of, run_of


def test_rows_by_base_name_and_their_problems(tmp_path):
    (tmp_path / "in").mkdir()
    pictures(tmp_path / "in", "a.png", "b.png")
    (tmp_path / "inputs.csv").write_text(
        "image_path,label,light\nin/a.png,circle,dark\nin/b.png,\nin/c.png,star\n"
        "other/a.png,star\n,star\n" + "x" * 5000 + ".png,star\n"
    )
    left = load(run_of(tmp_path))
    first, missing, long = left.rows
    assert first["id"] == "a.png" and first["truth"] == "circle"
    assert first["image"] == str(tmp_path / "in" / "a.png") and first["given"] == {"light": "dark"}
    assert missing["image"] is None and long["image"] is None
    told = problems_of(left)
    assert ("b.png", "no label") in told
    assert ("c.png", "no such file: in/c.png") in told
    assert ("a.png", "this name was there already: the first counts") in told
    assert ("row 5", "no image_path") in told
    assert left.more == {"total": 6, "labelled": True}


def test_without_answers_rows_stay(tmp_path):
    pictures(tmp_path, "a.png")
    (tmp_path / "inputs.csv").write_text("image_path\na.png\n")
    left = load(run_of(tmp_path))
    assert [row["truth"] for row in left.rows] == [None]
    assert "no column 'label'" in left.problems[0].problem


def test_what_is_no_table_of_inputs_is_refused(tmp_path):
    with pytest.raises(Unusable, match="cannot be read"):
        load(run_of(tmp_path))
    (tmp_path / "inputs.csv").write_text("path,label\na,b\n")
    with pytest.raises(Unusable, match="image_path"):
        load(run_of(tmp_path))
    (tmp_path / "inputs.csv").write_bytes(b"image_path\n\xff\xfe\n")
    with pytest.raises(Unusable, match="utf-8"):
        load(run_of(tmp_path))
