"""One run: what is done already, what is left, and how it may end."""

import os
import signal

import pytest

from serve_app.jobs.folders import execution, records, running
from serve_app.jobs.folders.execution import Pool
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Journal
from serve_app.jobs.folders.running import Part

ROWS = [
    {"key": f"{name}.png", "settings": "s", "name": f"{name}.jpg", "image": None} for name in "abc"
]
POOL = Pool(1, 1, 0, 32)


def record_of(row):
    return {**row, "input_sha256": None, "total_s": 1.0, "finished_at": 1.0}


@pytest.fixture
def carried_out(tmp_path, monkeypatch):
    """Runs the rows by `work(row)`, which answers a record or raises; what was asked of it."""
    asked = []

    def run(work, refused=()):
        def processed(rows, stage, settings, journal, pool):
            for row in rows:
                asked.append(row["key"])
                yield work(row)

        monkeypatch.setattr(execution, "processed", processed)
        place = Place.of(tmp_path)
        return running.carry_out([Part({}, ROWS)], refused, object, place, POOL), asked

    return run


def test_what_is_finished_is_left_alone(carried_out, tmp_path):
    Journal(Place.of(tmp_path)).write(record_of(ROWS[1]))
    outcome, asked = carried_out(record_of)
    assert asked == ["a.png", "c.png"]
    order = [row["key"] for row in ROWS]
    assert [record["key"] for record in outcome.finished(order)] == order
    assert (len(outcome.made), len(outcome.found)) == (2, 1)


def test_a_failure_stops_nothing(carried_out, capsys):
    def work(row):
        return {**row, "reason": "broken"} if row["key"] == "b.png" else record_of(row)

    outcome, asked = carried_out(work, [("z.jpg", "too large")])
    assert len(asked) == 3 and len(outcome.made) == 2
    assert outcome.failures == [("z.jpg", "too large"), ("b.jpg", "broken")]
    assert "b.jpg: broken" in capsys.readouterr().err


@pytest.fixture
def ctrl_c():
    """SIGINT interrupts, even if the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupted_run_knows_what_was_finished(carried_out, tmp_path, number):
    before = signal.getsignal(signal.SIGTERM)

    def work(row):
        if row["key"] == "b.png":  # finished by its actor, and not told of yet
            Journal(Place.of(tmp_path)).write(record_of(row))
            os.kill(os.getpid(), number)
        return record_of(row)

    outcome, _ = carried_out(work)
    assert outcome.interrupted and outcome.exit_code == 130
    assert [record["key"] for record in outcome.made] == ["b.png"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_records_of_other_settings_are_not_these(tmp_path, carried_out):
    Journal(Place.of(tmp_path)).write(record_of(ROWS[0] | {"settings": "t"}))
    assert len(records.read(Place.of(tmp_path))) == 1
    _, asked = carried_out(record_of)
    assert len(asked) == 3
