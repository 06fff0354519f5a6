"""A table of prompts: what is there, and what is wrong with it."""

import pytest

from serve_app.jobs.evaluate.generation.load import load
from serve_app.jobs.folders.inputs import Unusable
from tests.unit.jobs.evaluate.folder import problems_of, run_of


def loaded(tmp_path, text):
    (tmp_path / "inputs.csv").write_text(text)
    return load(run_of(tmp_path, task="generate"))


def test_rows_by_id_and_their_problems(tmp_path):
    left = loaded(
        tmp_path,
        "id,prompt,image_path,reference_path,label,seed\n"
        "a,a red star,in/a.png,/far/a.png,star,7\n"
        "b,a blue ring,,,,\na,again,,,,\n,none,,,,\nc,,,,,\n",
    )
    first, second = left.rows
    assert first == {
        "id": "a",
        "truth": "a red star",
        "image": str(tmp_path / "in" / "a.png"),
        "reference": "/far/a.png",
        "label": "star",
        "given": {"seed": "7"},
    }
    assert second["image"] is second["reference"] is second["label"] is None
    assert problems_of(left) == {
        ("a", "this id was there already: the first counts"),
        ("row 4", "no id"),
        ("c", "no prompt"),
    }
    assert left.more == {"total": 5}


@pytest.mark.parametrize("text", ["prompt\na\n", "id\na\n"])
def test_a_table_without_ids_or_prompts_is_refused(tmp_path, text):
    with pytest.raises(Unusable, match="no column"):
        loaded(tmp_path, text)
