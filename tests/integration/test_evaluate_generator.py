"""The generator's evaluation: pictures made and judged, pictures made elsewhere, broken rows."""

import csv
import json

import pytest
import yaml

from demo.heldout import write_labelled
from serve_app.jobs.evaluate.__main__ import main
from serve_app.model_config import PROJECT_ROOT

EXAMPLE = yaml.safe_load((PROJECT_ROOT / "examples" / "evaluate-generator.yaml").read_text())
OWN = """
def sharp(rows):
    return sum((row["edge_f1"] or 0) > 0.5 for row in rows)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Scenes; and prompts.csv with two rows without an image, and four that are broken."""
    folder = tmp_path_factory.mktemp("generator")
    write_labelled(folder / "scenes", 4)
    table = folder / "scenes" / "prompts.csv"
    (folder / "scenes" / "cut.png").write_bytes((folder / "scenes" / "000.png").read_bytes()[:99])
    with table.open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [
                ["grid", "a red circle on a white background", "circle", "", "", ""],
                ["a/.. b", "a blue star on a black background", "teapot", "", "000.png", 7],
                ["cut", "a red circle", "", "cut.png", "", ""],
                ["seed", "a red circle", "", "000.png", "", "some"],
                ["gone", "a red circle", "", "", "none.png", -1],
                ["silent", "", "", "", "", ""],
            ]
        )
    (folder / "own.py").write_text(OWN)
    return folder


def pipeline(place, **change):
    told = {
        "inputs": str(place / "scenes" / "prompts.csv"),
        "output": str(place / "run"),
        "images": {"steps": 4},
        "metrics": [*EXAMPLE["metrics"], f"{place}/own.py:sharp"],
        "gate": {"edge_f1": {"at_least": 0.7}, "class_probability": {"at_least": 0.5}},
    }
    path = place / "pipeline.yaml"
    path.write_text(yaml.safe_dump(EXAMPLE | told | change))
    return str(path)


def report(folder):
    return json.loads((folder / "report.json").read_text())


@pytest.fixture(scope="module")
def good(place):
    assert main([pipeline(place)]) == 0
    return place / "run"


def test_pictures_are_made_and_judged(good):
    told = report(good)
    assert (told["measured"], told["total"]) == (6, 10)
    assert told["metrics"]["coverage"] == 0.6 and told["metrics"]["sharp"] == 4
    assert told["metrics"]["word_f1"] > 0.8 and told["metrics"]["psnr"] > 10
    assert len(told["worst"]) == 6 and told["worst"][0]["id"]
    html = (good / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 6 + 4 + 5 and "prompt: a red circle" in html


def test_what_could_not_be_made_or_judged_is_listed(good):
    listed = {(each["step"], each["of"]): each["problem"] for each in report(good)["problems"]}
    assert "truncated" in listed["preprocess", "cut"]
    assert "seed 'some' is no number" in listed["predict", "seed"]
    assert "seed '-1' is no number" in listed["predict", "gone"]
    assert "no such file" in listed["preprocess", "gone"]
    assert listed["load", "silent"] == "no prompt"
    assert listed["join", ".. b"] == "'teapot' is no class of the classifier"
    assert listed["join", "cut"] == "no prediction"


def test_pictures_made_elsewhere_are_judged_against_the_run(place, good):
    """As those of the run, but for one of another prompt, a broken one, and one that is missing."""
    with (good / "outputs.csv").open() as file:
        made = {row["id"]: str(good / row["image_path"]) for row in csv.DictReader(file)}
    made |= {"001": made["grid"], "002": str(place / "scenes" / "cut.png")}
    del made["003"]
    elsewhere = place / "elsewhere.csv"
    with elsewhere.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "image_path"], *made.items()])
    gate = {"word_f1": {"at_most_below": 0.01}, "coverage": {"at_most_below": 0.5}}
    path = pipeline(place, outputs=str(elsewhere), gate=gate)
    new = place / "new"
    assert main([path, "-o", str(new)]) == 2
    assert main([path, "-o", str(new), "--against", str(good)]) == 1
    told = report(new)
    assert (told["measured"], told["total"]) == (4, 10) and not (new / "images").exists()
    kept = {each["metric"]: each["passed"] for each in told["gate"]}
    assert kept == {"word_f1": False, "coverage": True}
    assert told["against"]["metrics"]["edge_f1"]["change"] == "worse"
    assert told["against"]["only_before"] == ["002", "003"]
    assert told["worst"][0]["id"] == "001"
    listed = {(each["of"], each["problem"]) for each in told["problems"]}
    broken = "the picture cannot be read: the image is truncated or corrupt"
    assert {("002", broken), ("003", "no prediction")} <= listed
