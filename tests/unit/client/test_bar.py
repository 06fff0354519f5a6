"""The progress bar."""

import io

from serve_app.client import Progress
from serve_app.client.bar import StepsBar


def test_the_bar_shows_steps_seconds_and_the_place_in_the_queue():
    shown = io.StringIO()
    with StepsBar(2, shown, always=True) as bar:
        bar.follow(Progress(7, 0, 4, 3.0, 2))
        bar.follow(Progress(7, 3, 4, 1.5, 0))
        bar.follow(Progress(8, 2, 4, 2.5, 0))
    assert "0/8 steps, number 2 in the queue, 3.0 s left" in shown.getvalue()
    assert "5/8 steps, 2.5 s left" in shown.getvalue()


def test_a_file_gets_no_bar():
    shown = io.StringIO()
    with StepsBar(1, shown) as bar:
        bar.follow(Progress(7, 1, 4, 3.0, 0))
    assert shown.getvalue() == ""


def test_without_an_event_there_is_nothing_to_show():
    shown = io.StringIO()
    with StepsBar(1, shown, always=True):
        pass
    assert shown.getvalue() == ""
