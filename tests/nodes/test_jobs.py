"""Offline jobs on two nodes, of which one has neither the code nor the weights."""

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from serve_app.model_config import PROJECT_ROOT
from tests.images import pixels, sketch
from tests.nodes.configuration import for_two_nodes

PICTURES = 64
DASHBOARD = "http://127.0.0.1:8265"


@pytest.fixture(scope="module")
def folder(cluster):
    """Of images, on storage that both nodes see."""
    folder = cluster.shared / "in"
    folder.mkdir()
    for number in range(PICTURES):
        sketch(64, 64).rotate(5 * number).save(folder / f"a_red_circle_{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def options(cluster):
    """Nothing is converted: the node that has done so would be done before the other begins."""
    config = for_two_nodes(cluster.shared / "jobs.yaml")
    return ["--config", config, "--steps", "6", "--batch-size", "4"]


def made(out):
    return {path.name: pixels(Image.open(path)) for path in out.glob("a_*.png")}


def nodes_of(out):
    with (out / "metrics.csv").open() as file:
        return [row["node"] for row in csv.DictReader(file)]


def submitted(cluster, *command):
    """As docs/offline.md has it, on the head."""
    return cluster.head.run(
        "ray", "job", "submit", "--working-dir", ".", "--", "python", "-m", *command,
        RAY_ADDRESS=DASHBOARD, timeout_s=200,
    )  # fmt: skip


def test_a_submitted_job_makes_pictures_on_both_nodes(cluster, folder, options):
    out = cluster.shared / "submitted"
    said = submitted(
        cluster, "serve_app.jobs.images", folder, "-o", out, *options, "--concurrency", "2"
    )
    assert f"{PICTURES} made" in said
    nodes = nodes_of(out)
    assert len(nodes) == PICTURES and set(nodes) == {"head", "second-1"}

    # As they are without the cluster.
    alone = cluster.shared / "alone"
    cluster.head.run(
        "python", "-m", "serve_app.jobs.images", folder, "-o", alone, *options, timeout_s=200
    )
    assert set(nodes_of(alone)) == {"head"}
    one, two = made(alone), made(out)
    assert one.keys() == two.keys() and len(one) == PICTURES
    assert max(np.abs(one[name] - two[name]).max() for name in one) <= 1


def test_a_submitted_evaluation_reports(cluster):
    pictures = cluster.shared / "scenes"
    cluster.head.run("python", "-m", "demo.heldout", pictures, "--count", "10")
    pipeline = yaml.safe_load((PROJECT_ROOT / "examples" / "evaluate-classifier.yaml").read_text())
    out = cluster.shared / "evaluation"
    pipeline |= {"inputs": str(pictures / Path(pipeline["inputs"]).name), "output": str(out)}
    pipeline["predict"] = {"concurrency": 2}
    file = cluster.shared / "pipeline.yaml"
    file.write_text(yaml.safe_dump(pipeline))
    submitted(cluster, "serve_app.jobs.evaluate", file)
    assert "accuracy" in (out / "report.md").read_text()
