"""The board: that it can be imported and provisioned, and asks for metrics that exist."""

import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
import ray
import yaml

from serve_app.metrics import requests, stages  # noqa: F401  declare their metrics
from serve_app.metrics.instruments import DECLARED
from tests.board import board, metrics_in, queries

ROOT = Path(__file__).parents[3]
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
RULES = [ROOT / "deploy" / "prometheus" / name for name in ("recording.yml", "alerts.yml")]
ENDINGS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
OURS = {f"ray_{m.name}{end}" for m in DECLARED.values() for end in ENDINGS[m.kind]}
RAYS_FILES = [
    "serve/_private/application_state.py",
    "serve/_private/deployment_state.py",
    "dashboard/modules/reporter/reporter_agent.py",
]
SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}

PANELS = [panel for panel in board()["panels"] if panel["type"] != "row"]
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


@each_panel
def test_a_panel_says_what_it_shows(panel):
    assert panel["title"] and len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == SOURCE
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["expr"] and target["datasource"] == SOURCE


def test_ids_and_titles_are_unique():
    ids = [panel["id"] for panel in board()["panels"]]
    titles = [panel["title"] for panel in board()["panels"]]
    assert len(set(ids)) == len(ids) and len(set(titles)) == len(titles)


def test_panels_are_on_the_grid_and_do_not_overlap():
    places = [panel["gridPos"] for panel in board()["panels"]]
    for a in places:
        assert a["x"] >= 0 and a["y"] >= 0 and a["x"] + a["w"] <= 24
    for a, b in combinations(places, 2):
        apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        apart_y = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart_x or apart_y, (a, b)


def test_the_data_source_is_asked_for_at_import_and_a_variable_when_provisioned():
    """Grafana replaces `__inputs` only where a board is imported."""
    assert [given["name"] for given in board()["__inputs"]] == ["DS_PROMETHEUS"]
    variables = {variable["name"]: variable for variable in board()["templating"]["list"]}
    assert set(variables) == {"DS_PROMETHEUS", "application", "deployment", "node"}
    assert variables["DS_PROMETHEUS"]["type"] == "datasource"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")
def test_prometheus_understands_every_query(tmp_path):
    rules = [
        {"record": "query", "expr": query, "labels": {"n": n}} for n, query in queries().items()
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("where", ["board", *(path.name for path in RULES)])
def test_every_metric_is_ours_or_rays(where):
    expressions = list(queries().values())
    if where != "board":
        content = yaml.safe_load(next(path for path in RULES if path.name == where).read_text())
        expressions = [rule["expr"] for group in content["groups"] for rule in group["rules"]]
    text = "".join((Path(ray.__file__).parent / name).read_text() for name in RAYS_FILES)
    others = {name for each in expressions for name in metrics_in(each)} - OURS
    assert {name for name in others if f'"{name.removeprefix("ray_")}"' not in text} == set()


def test_provisioning_names_the_data_source_and_the_folder_of_compose():
    source = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())
    assert [each["isDefault"] for each in source["datasources"]] == [True]
    provider = yaml.safe_load((PROVISIONING / "dashboards" / "images.yaml").read_text())
    folder = provider["providers"][0]["options"]["path"]
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    assert any(f":{folder}/" in v for v in compose["services"]["grafana"]["volumes"])
