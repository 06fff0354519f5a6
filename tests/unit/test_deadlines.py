"""By when what has to be done."""

import asyncio
import time

import pytest

from serve_app.deadlines import Deadlines
from serve_app.errors import DeadlineUnmet, InvalidRequest, NeverInTime, TimedOut
from serve_app.messages import Terms

WITHOUT = Terms(priority=3)


def left_s(deadlines, terms, *after):
    return deadlines.of_generation(terms, after).finish_by - time.time()


def test_a_deadline_leaves_time_for_what_comes_after():
    deadlines = Deadlines(100)
    terms = Terms(finish_by=time.time() + 10)
    assert left_s(deadlines, terms, "upscale") == pytest.approx(10, abs=0.1)
    for _ in range(50):
        deadlines.took("upscale", 2.0)
        deadlines.took("caption", 1.0)
    assert left_s(deadlines, terms, "upscale", "caption") == pytest.approx(8, abs=0.1)
    assert left_s(deadlines, terms, "caption") == pytest.approx(9, abs=0.1)
    assert left_s(deadlines, terms) == pytest.approx(10, abs=0.1)


def test_without_one_the_time_limit_counts_with_room_for_errors_of_the_forecast():
    assert left_s(Deadlines(100), WITHOUT) == pytest.approx(150, abs=0.1)
    assert Deadlines(100).of_generation(WITHOUT, ()).priority == 3


def test_a_refusal_speaks_of_what_the_client_knows():
    deadlines, late = Deadlines(100), DeadlineUnmet("in 200 s").after(7)
    assert deadlines.refusal(late, Terms(finish_by=1.0)) is late
    told = deadlines.refusal(late, WITHOUT)
    assert isinstance(told, DeadlineUnmet) and told.retry_after_s == 7
    assert "limits.request_timeout_s" in str(told)
    assert isinstance(deadlines.refusal(NeverInTime("in 200 s"), WITHOUT), InvalidRequest)


@pytest.mark.parametrize(("limit_s", "finish_by"), [(0.01, None), (60, 1.0)])
async def test_what_takes_longer_is_given_up(limit_s, finish_by):
    with pytest.raises(TimedOut):
        async with Deadlines(limit_s).kept(finish_by):
            await asyncio.sleep(60)
