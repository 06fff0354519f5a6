"""What a step leaves, the next one reads."""

import pytest

from serve_app.jobs.evaluate import run_folder
from serve_app.jobs.evaluate.run_folder import Left, Problem
from serve_app.jobs.folders.inputs import Unusable
from tests.unit.jobs.evaluate.folder import run_of


def test_what_is_left_is_read(tmp_path):
    run = run_of(tmp_path)
    left = Left([{"id": "ä\n.png"}], [Problem("load", "a", "b")], {"total": 1})
    run.write("load", left)
    assert run.read("load") == left


def test_a_step_that_was_not_run_is_named(tmp_path):
    with pytest.raises(Unusable, match="run the step join first"):
        run_of(tmp_path).read("join")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"problems": [1]}', '{"problems": [{}]}'])
def test_a_damaged_file_is_no_traceback(tmp_path, text):
    (tmp_path / "load.json").write_text(text)
    with pytest.raises(Unusable):
        run_folder.read(tmp_path, "load")
