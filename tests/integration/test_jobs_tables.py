"""Captions and classes of a folder, on Ray Data."""

import csv
import json

import pandas
import pytest

from serve_app.jobs.caption import CAPTION
from serve_app.jobs.classify import CLASSIFY
from serve_app.jobs.folders import execution
from serve_app.jobs.folders.execution import Pool
from serve_app.jobs.folders.places import Place
from tests.images import encoded, sketch
from tests.stages import Naming, rows_of


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(10):
        sketch(100 + 20 * number, 200).save(folder / f"{number:02}.jpg")
    (folder / "broken.png").write_bytes(encoded(sketch())[:500])
    return folder


def test_captions_of_what_is_new_alone(tmp_path, folder):
    table = tmp_path / "captions.csv"
    assert CAPTION.main([str(folder), "-o", str(table)]) == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["id"] for row in rows] == [f"{number:02}.jpg" for number in range(10)]
    assert all("circle" in row["caption"] for row in rows[:3]), rows[:3]
    (failure,) = csv.DictReader((tmp_path / "captions.failures.csv").read_text().splitlines())
    assert failure["path"] == "broken.png" and failure["reason"]
    sketch(128, 128).save(folder / "new.png")
    assert CAPTION.main([str(folder), "-o", str(table)]) == 0
    told = json.loads((tmp_path / "captions.run.json").read_text())["summary"]
    assert (told["made"], told["found"], told["failed"]) == (1, 10, 1)
    assert [row["id"] for row in csv.DictReader(table.read_text().splitlines())][-1] == "new.png"


def test_classes_of_a_manifest_in_its_order(tmp_path, folder):
    manifest = tmp_path / "inputs.csv"
    manifest.write_text("image,id\nin/03.jpg,third\nin/01.jpg,\nin/none.jpg,\n")
    table = (tmp_path / "outputs.parquet").as_uri()
    command = ["--manifest", str(manifest), "-o", table, "--probabilities"]
    assert CLASSIFY.main(command) == 0
    found = pandas.read_parquet(tmp_path / "outputs.parquet")
    assert list(found.columns[:3]) == ["id", "pred", "prob"]
    assert list(found["id"]) == ["third", "01.jpg"]
    each = found[[name for name in found.columns if name.startswith("prob_")]]
    assert each.sum(axis=1).between(0.999, 1.001).all()
    assert (each.max(axis=1) == found["prob"]).all()


def test_a_deadly_row_ends_with_the_others_done(tmp_path):
    names = [*"abcdefgh", "deadly", *"ijklmnop"]
    found = list(
        execution.processed(
            rows_of(*names), Naming, {}, Place.of(tmp_path), Pool(1, 0.5, 0, rows_at_once=8)
        )
    )
    assert sorted(record["name"] for record in found) == sorted(names)
    (failed,) = [record for record in found if "reason" in record]
    assert failed["name"] == "deadly" and "died" in failed["reason"]
