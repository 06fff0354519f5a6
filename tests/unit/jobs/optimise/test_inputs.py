"""Any folder of pictures, and any file of prompts."""

import numpy as np
import pytest

from serve_app.jobs.optimise.inputs import read_inputs
from tests.images import encoded, sketch


@pytest.fixture
def folder(tmp_path):
    for name, side in (("b.PNG", 40), ("a.jpg", 20), ("c.webp", 30)):
        (tmp_path / name).write_bytes(
            encoded(sketch(side, side), name[2:].upper().replace("JPG", "JPEG"))
        )
    (tmp_path / "notes.md").write_text("no picture")
    return tmp_path


def test_pictures_come_by_name_as_many_as_asked_for(folder):
    inputs = read_inputs(folder, None, 2)
    assert [path.name for path in inputs.pictures] == ["a.jpg", "b.PNG"] and inputs.prompts == []
    assert [picture.shape for picture in inputs.decoded(3, 10_000)] == [
        (20, 20, 3),
        (40, 40, 3),
        (20, 20, 3),
    ]
    (picture,) = inputs.decoded(1, 10_000, (16, 8))
    assert picture.shape == (8, 16, 3) and picture.dtype == np.uint8


def test_prompts_are_lines_beside_the_pictures_or_elsewhere(folder):
    (folder / "prompts.txt").write_text("one\n\n  two \n")
    assert read_inputs(folder, None, 9).pairs(3) == [(0, "one"), (1, "two"), (2, "one")]
    other = folder / "other.txt"
    other.write_text("three\n")
    assert read_inputs(folder, other, 9).prompts == ["three"]


def test_a_folder_without_pictures_is_named(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(ValueError, match=f"{empty} has no pictures"):
        read_inputs(empty, None, 9)
    with pytest.raises(OSError):
        read_inputs(folder / "none", None, 9)
    with pytest.raises(OSError):
        read_inputs(folder, folder / "none.txt", 9)
