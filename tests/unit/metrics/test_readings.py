"""Gauges that are read every second."""

import threading

import psutil
import pytest

from serve_app.metrics import readings
from serve_app.metrics.readings import Readings, resident_bytes


def test_each_is_taken_though_another_fails_and_that_is_logged_once(caplog):
    taken = []
    made = Readings([lambda: 1 / 0, lambda: taken.append(1)])
    made.take()
    made.take()
    assert taken == [1, 1]
    assert caplog.text.count("ZeroDivisionError") == 1


def test_a_reading_that_fails_again_later_is_logged_again(caplog):
    outcomes = iter([1 / 1, None, 1.0, None])
    made = Readings([lambda: next(outcomes) + 1])
    for _ in range(4):
        made.take()
    assert caplog.text.count("reading failed") == 2


def test_they_are_taken_again_and_again(monkeypatch):
    monkeypatch.setattr(readings, "_EVERY_S", 0.001)
    seen, often = [], threading.Event()

    def reading():
        seen.append(1)
        if len(seen) > 3:
            often.set()

    Readings([reading]).keep_taking()
    assert often.wait(5)


def test_the_memory_of_a_process():
    assert resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
