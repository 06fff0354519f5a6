"""Control images and references are opened before a model is."""

from serve_app.jobs.evaluate.generation.preprocess import preprocess
from serve_app.jobs.evaluate.run_folder import Left
from tests.unit.jobs.evaluate.folder import pictures, run_of


def test_what_cannot_be_read_is_told_and_left_out(tmp_path):
    pictures(tmp_path, "a.png")
    (tmp_path / "text.png").write_text("no image")
    good, text, none = (str(tmp_path / name) for name in ("a.png", "text.png", "none.png"))
    pairs = {"a": (good, good), "b": (text, good), "c": (good, none), "d": (None, None)}
    run = run_of(tmp_path, task="generate")
    rows = [{"id": name, "image": i, "reference": r} for name, (i, r) in pairs.items()]
    run.write("load", Left(rows))
    left = preprocess(run)
    found = {row["id"]: (row["image"], row["reference"], row["makeable"]) for row in left.rows}
    assert found == {
        "a": (good, good, True),
        "b": (None, good, False),
        "c": (good, None, True),
        "d": (None, None, True),
    }
    told = {each.of: each.problem for each in left.problems}
    assert told.keys() == {"b", "c"} and told["b"].startswith("image: ")
    assert told["c"] == f"reference: no such file: {none}"
