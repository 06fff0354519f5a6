"""The rules, by Prometheus' own `promtool`; and what every alert must say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "prometheus"
RULE_TESTS = sorted((FOLDER / "tests").glob("*.yml"))
ALERTS = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
NAMES = {alert["alert"].lower() for alert in ALERTS}
OPERATE = ROOT / "docs" / "operate.md"
TEXT = OPERATE.read_text() if OPERATE.exists() else ""
HEADINGS = {line.strip("# `").lower() for line in TEXT.splitlines() if line.startswith("#")}

with_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, cwd=FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


@with_promtool
def test_configuration_and_rules_are_valid():
    promtool("check", "config", FOLDER / "prometheus.yml")


@with_promtool
@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path):
    promtool("test", "rules", path)


@each_alert
def test_an_alert_says_what_it_means_and_where_to_read_on(alert):
    name = alert["alert"]
    assert re.fullmatch(r"([A-Z][a-z]+)+", name)
    assert alert["labels"]["severity"] in {"critical", "warning"}
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/operate.md#{name.lower()}"


@each_alert
def test_an_alert_is_seen_to_fire(alert):
    """In the tests of the rules: among what is expected, not only among what is not."""
    text = "\n".join(path.read_text() for path in RULE_TESTS)
    expected = rf'exp_samples:[^\]]*alertname="{alert["alert"]}"'
    in_full = rf"alertname: {alert['alert']}\s+exp_alerts:\s+-"
    assert re.search(f"{expected}|{in_full}", text)


@each_alert
@pytest.mark.skipif(not HEADINGS & NAMES, reason="docs/operate.md has no runbook yet")
def test_an_alert_has_its_place_in_the_runbook(alert):
    assert alert["alert"].lower() in HEADINGS
