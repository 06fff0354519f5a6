"""What a folder or a manifest asks for, and what its results are called."""

import json
import os

import pyarrow as pa
import pytest
from pyarrow import parquet

from serve_app.jobs.folders import inputs
from serve_app.jobs.folders.inputs import Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.images.rows import prompt_of

COLUMNS = frozenset({"prompt", "seed", "name"})


def test_a_folder_gives_its_images_in_sorted_order(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.txt", ".hidden.png", "model_names.txt"):
        (tmp_path / name).write_bytes(b"1234")
    (tmp_path / "below.png").mkdir()
    open(os.fsencode(tmp_path) + b"/\xff.png", "wb").close()
    listing = inputs.folder(Place.of(tmp_path), frozenset({"model_names.txt"}))
    assert [each.name for each in listing.inputs] == ["a.jpg", "b.PNG"]
    assert listing.inputs[0].size_bytes == 4
    assert listing.left_out == ["c.txt", "\udcff.png"]


def test_a_folder_that_is_none_or_has_no_images_is_refused(tmp_path):
    with pytest.raises(Unusable, match="no images"):
        inputs.folder(Place.of(tmp_path))
    with pytest.raises(Unusable, match="no folder"):
        inputs.folder(Place.of(tmp_path / "none"))


def test_underscores_are_spaces():
    assert prompt_of("a_red__circle_") == "a red circle"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.png", "b.jpg"], ["a", "b"]),
        (["a.png", "a.jpg", "b.png"], ["a.png", "a.jpg", "b"]),
        (["grid.jpg"], ["grid.jpg"]),
        (["x/a.png", "y/a.png"], ["a.png-1", "a.png-2"]),
        (["a.png", "a.png.jpg", "a.jpg"], ["a.png-1", "a.png-2", "a.jpg"]),
    ],
)
def test_every_result_has_a_name_of_its_own(names, expected):
    found = inputs.output_names(names, frozenset({"grid"}))
    assert found == expected
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_manifest_says_more_of_each_image(tmp_path, suffix):
    path = tmp_path / f"rows.{suffix}"
    if suffix == "csv":
        path.write_text("image,prompt,seed\na.png,a dog,7\n/b.png,,\n")
    elif suffix == "jsonl":
        rows = [{"image": "a.png", "prompt": "a dog", "seed": "7"}, {"image": "/b.png"}]
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        rows = {"image": ["a.png", "/b.png"], "prompt": ["a dog", None], "seed": ["7", None]}
        parquet.write_table(pa.table(rows), path)
    first, second = inputs.manifest(Place.of(path), COLUMNS, None).inputs
    assert first.image == Place(str(tmp_path / "a.png"))
    assert first.given == {"prompt": "a dog", "seed": "7"}
    assert (second.image, second.given) == (Place("/b.png"), {})


def test_a_manifests_images_are_in_the_folder_that_is_named(tmp_path):
    (tmp_path / "rows.csv").write_text("image\nx/a.png\n")
    (found,) = inputs.manifest(Place.of(tmp_path / "rows.csv"), COLUMNS, Place("s3://b/in")).inputs
    assert found.image == Place("s3://b/in/x/a.png")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image,promt\na.png,x\n", "unknown column 'promt'"),
        ("image,prompt\n,x\n", "row 1: no image"),
        ("image\n", "no rows"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(tmp_path, text, reason):
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(Unusable, match=reason):
        inputs.manifest(Place.of(tmp_path / "rows.csv"), COLUMNS, None)


@pytest.mark.parametrize("name", ["rows.txt", "rows.jsonl", "rows.parquet"])
def test_what_is_no_manifest_is_refused_in_one_line(tmp_path, name):
    (tmp_path / name).write_text("[1]\n")
    with pytest.raises(Unusable) as caught:
        inputs.read_rows(Place.of(tmp_path / name))
    assert name in str(caught.value)


def test_prompts_alone_need_no_image(tmp_path):
    (tmp_path / "rows.csv").write_text("prompt,name\na dog,dog\na cat,\n")
    found = inputs.manifest(Place.of(tmp_path / "rows.csv"), COLUMNS, None, images=False).inputs
    assert [(each.name, each.image) for each in found] == [("dog", None), ("row-000002", None)]
