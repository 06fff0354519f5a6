"""The pictures that backends are judged by are those of the demo's world as it is now."""

import csv

import numpy as np
from PIL import Image

from demo.heldout import PICTURES, write_labelled, write_pictures


def test_the_pictures_are_what_the_command_writes(tmp_path):
    write_pictures(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {path.name for path in PICTURES.iterdir()} and len(names) == 41
    prompts = (tmp_path / "prompts.txt").read_text()
    assert prompts == (PICTURES / "prompts.txt").read_text() and prompts.count("\n") == 40
    for name in names - {"prompts.txt"}:
        with Image.open(tmp_path / name) as written, Image.open(PICTURES / name) as kept:
            assert np.allclose(np.asarray(written).astype(int), kept, atol=2), name


def test_labelled_pictures_of_one_shape(tmp_path):
    write_labelled(tmp_path, 3)
    with (tmp_path / "inputs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image_path"] for row in rows] == ["000.png", "001.png", "002.png"]
    for row in rows:
        assert row["label"] in row["caption"] and (tmp_path / row["image_path"]).is_file()
    with (tmp_path / "prompts.csv").open() as file:
        prompts = list(csv.DictReader(file))
    assert [row["prompt"] for row in prompts] == [row["caption"] for row in rows]
    assert {row["image_path"] for row in prompts} == {row["image_path"] for row in rows}
