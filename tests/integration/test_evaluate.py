"""The evaluation from pictures to exit code: a good classifier, a damaged one, broken answers."""

import json

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from demo.export import WEIGHTS
from demo.heldout import write_labelled
from serve_app.jobs.evaluate.__main__ import main
from serve_app.jobs.folders.options import DEFAULT_CONFIG

OWN = """
def warm_mistakes(rows):
    warm = [row for row in rows if "red" in row["given"]["caption"]]
    return {"share": sum(row["pred"] != row["truth"] for row in warm) / len(warm), "of": len(warm)}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    write_labelled(folder / "scenes", 48)
    (folder / "own.py").write_text(OWN)
    return folder


def pipeline(place, **change):
    told = {
        "task": "classify",
        "inputs": str(place / "scenes" / "inputs.csv"),
        "output": str(place / "run"),
        "metrics": ["accuracy", "f1_macro", "log_loss", "roc_auc", f"{place}/own.py:warm_mistakes"],
        "gate": {"accuracy": {"at_least": 0.95}, "warm_mistakes.share": {"at_most": 0.05}},
    }
    path = place / "pipeline.yaml"
    path.write_text(yaml.safe_dump(told | change))
    return str(path)


def report(folder):
    return json.loads((folder / "report.json").read_text())


@pytest.fixture(scope="module")
def good(place):
    """The run of the demo's classifier."""
    assert main([pipeline(place)]) == 0
    return place / "run"


def test_the_classifier_passes_its_gate(good):
    told = report(good)
    assert told["measured"] == told["total"] == 48 and not told["problems"]
    assert told["metrics"]["accuracy"] >= 0.95 and told["metrics"]["roc_auc"] > 0.99
    assert 5 < told["metrics"]["warm_mistakes.of"] < 48
    assert sum(map(sum, told["confusion"]["counts"])) == 48


def test_damaged_weights_are_worse_than_before_and_miss_the_gate(place, good):
    damaged = place / "damaged"
    damaged.mkdir()
    for path in (WEIGHTS / "classifier").glob("*.json"):
        (damaged / path.name).write_bytes(path.read_bytes())
    tensors, noise = (
        load_file(WEIGHTS / "classifier" / "model.safetensors"),
        np.random.default_rng(1),
    )
    for name, tensor in tensors.items():
        spread = tensor.astype(np.float32).std()
        tensors[name] = (tensor + noise.normal(0, spread, tensor.shape)).astype(tensor.dtype)
    save_file(tensors, damaged / "model.safetensors", {"format": "pt"})
    config = yaml.safe_load(DEFAULT_CONFIG.read_text())
    config["applications"][0]["args"]["models"]["classifier"]["path"] = str(damaged)
    (place / "damaged.yaml").write_text(yaml.safe_dump(config))
    path = pipeline(place, config=str(place / "damaged.yaml"))
    assert main([path, "-o", str(place / "new"), "--against", str(good)]) == 1
    told = report(place / "new")
    assert told["against"]["metrics"]["accuracy"]["change"] == "worse"
    assert told["against"]["metrics"]["log_loss"]["change"] == "worse"
    assert len(told["against"]["newly_wrong"]) >= 5
    html = (place / "new" / "report.html").read_text()
    assert 'class="worse"' in html and html.count("data:image/png;base64,") >= 5


def test_broken_predictions_are_listed(place, good):
    table = (good / "outputs.csv").read_text().splitlines()
    header, rows = table[0], table[1:]
    names = header.split(",")
    broken = [row.split(",") for row in rows]
    broken[0][names.index("prob")] = "nan"
    broken[1][names.index("prob")] = "1.5"
    broken[2][names.index("prob")] = "sure"
    broken[3][names.index("pred")] = "spaceship"
    broken[4][names.index("prob_circle")] = "-1"
    broken.append(broken[5])
    broken.append(["elsewhere.png", *broken[6][1:]])
    broken[7] = ["007.png"]
    del broken[8]
    outputs = place / "broken.csv"
    outputs.write_text("\n".join([header, *(",".join(row) for row in broken)]) + "\n")
    inputs = place / "scenes" / "with_gaps.csv"
    lines = (place / "scenes" / "inputs.csv").read_text()
    inputs.write_text(lines + "missing.png,star,a red star\n000.png,star,again\n")
    gate = {"coverage": {"at_least": 0.99}}
    change = {"inputs": str(inputs), "outputs": str(outputs), "gate": gate}
    assert main([pipeline(place, **change), "-o", str(place / "listed")]) == 1
    told = report(place / "listed")
    assert (told["measured"], told["total"]) == (46, 50)
    listed = {(each["of"], each["problem"]) for each in told["problems"]}
    assert {
        ("000.png", "prob 'nan' is no probability"),
        ("001.png", "prob '1.5' is no probability"),
        ("002.png", "prob 'sure' is no probability"),
        ("003.png", "unknown class 'spaceship': counts as wrong"),
        ("004.png", "prob_circle '-1' is no probability"),
        ("005.png", "a second prediction: the first counts"),
        ("elsewhere.png", "a prediction for what is not among the inputs"),
        ("007.png", "no pred"),
        ("008.png", "no prediction"),
        ("missing.png", "no such file: missing.png"),
        ("missing.png", "no prediction"),
        ("000.png", "this name was there already: the first counts"),
    } <= listed
    assert told["metrics"]["accuracy"] > 0.9 and told["metrics"]["log_loss"] is None


def test_captions(place):
    change = {"task": "caption", "metrics": None, "gate": {"word_f1": {"at_least": 0.8}}}
    assert main([pipeline(place, **change), "-o", str(place / "captions")]) == 0
    told = report(place / "captions")
    assert told["measured"] == 48 and told["confusion"] is None
    assert 0 <= told["metrics"]["word_error_rate"] < 0.3
