"""How forecasts are held against what happened."""

import pytest

from loadtest.eta import Told, summary, table


def told(told_s, actual_s, first=False):
    return Told(16, 0, first, 0.0, told_s, actual_s)


def test_forecasts_are_compared_by_how_far_away_the_end_was():
    rows = summary([told(20, 10, first=True), told(9, 10), told(12, 10), told(1, 1), told(50, 60)])
    assert [(row["first"], row["left_s"], row["forecasts"]) for row in rows] == [
        (True, [5.0, 15.0], 1), (False, [0.0, 2.0], 1), (False, [5.0, 15.0], 2),
        (False, [45.0, None], 1),
    ]  # fmt: skip
    assert rows[0]["ratio"] == {"p5": 2.0, "p50": 2.0, "p95": 2.0} and rows[0]["within"] == 0
    assert rows[2]["ratio"]["p50"] == pytest.approx(1.05) and rows[2]["within"] == 1
    assert rows[0]["off_s_p90"] == 10


def test_the_table_has_a_line_for_each():
    lines = table(summary([told(20, 10), told(50, 60, first=True)])).split("\n")
    assert len(lines) == 3
    assert "45+ s" in lines[1] and "5-15 s" in lines[2] and "2.00" in lines[2]
