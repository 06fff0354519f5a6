"""report.md, and the words that it shares with the page."""

from serve_app.jobs.evaluate.report import markdown
from serve_app.jobs.evaluate.wording import bounds, shown
from tests.unit.jobs.evaluate.test_page import told


def test_a_name_cannot_leave_its_cell():
    lines = markdown(told(None, "a|b\n# <b>*x*")).splitlines()
    row = next(line for line in lines if line.endswith("| 0.5000 |"))
    assert row == r"| a\|b \# &lt;b&gt;\*x\* | 0.5000 |"
    assert [line for line in lines if line.startswith("# ")] == ["# Evaluation: classify"]


def test_every_part_is_there():
    text = markdown(told(None, "x"))
    for title in (
        "## Gate",
        "## Against an earlier run",
        "## Classes",
        "## Worst cases",
        "## Problems: 1",
    ):
        assert title in text
    assert (
        "| x | none | 0.2500 | 0.0000 | 4 |" in text
        and "Right before, wrong now: x" in text
        and "missed" in text
    )


def test_each_task_has_its_columns():
    lines = markdown(told(None, "x", "generate", edge_f1=0.25)).splitlines()
    (row,) = [line for line in lines if line.startswith("| x | x | x | none")]
    assert row == "| x | x | x | none | none | 0.5000 | 0.2500 | none |"


def test_bounds_and_values_in_words():
    assert bounds({"at_least": 0.5, "at_most": 1.0}) == "at least 0.5, at most 1"
    relative = {"at_most_below": 0.01, "before": 0.98}
    assert bounds(relative) == "at most 0.01 below 0.9800"
    assert shown(None) == "none" and shown(0.98765) == "0.9877"
