"""What a soak sends, and what it makes of the answers."""

import json
import random

import pytest

from loadtest.client import HUNG_UP, OK, Answer
from loadtest.soak import Soak, fate, growth, summary, table
from loadtest.unruly import NONSENSE, any_request

KILLS = [(100.0, "Generator"), (200.0, "Ingress")]


def answer(outcome, route="generation", sent_s=110.0, retry_after=None):
    return Answer(route, outcome, sent_s, 1.0, retry_after=retry_after)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(OK), "expected"),
        (answer(HUNG_UP), "expected"),
        (answer("429 queue_full", retry_after="3"), "expected"),
        (answer("connection"), "lost"),
        (answer("timeout"), "hung"),
        (answer("500 stage_failed"), "unexpected"),
        (answer("400 invalid_request"), "unexpected"),
        (answer("broken off"), "lost"),
        (answer("broken off", sent_s=203), "expected"),
        (answer("broken off", sent_s=220), "lost"),
        (answer("200 stage_unavailable"), "expected"),
        (answer("200 stage_failed"), "unexpected"),
        (answer("503 stage_unavailable", retry_after="5"), "expected"),
        (answer("503 stage_unavailable"), "unexpected"),
        (answer("503 stage_unavailable", sent_s=50, retry_after="5"), "unexpected"),
        (answer("503 stage_unavailable", sent_s=170, retry_after="5"), "unexpected"),
        (answer("400 invalid_request", NONSENSE), "expected"),
        (answer(OK, NONSENSE), "unexpected"),
        (answer("500 internal_error", NONSENSE), "unexpected"),
    ],
)
def test_what_may_become_of_a_request(given, expected):
    assert fate(given, KILLS) == expected


def test_memory_grows_from_the_second_minute_to_the_last():
    together = [(0.0, 5.0), (70.0, 100.0), (110.0, 100.0), (300.0, 999.0), (550.0, 120.0)]
    samples = [(at, {"all": mb, "Canny": mb / 2}) for at, mb in together]
    assert growth(samples) == {"mb": {"all": [100, 120], "Canny": [50, 60]}, "ratio": 1.2}
    assert growth([]) is None and growth(samples[:1]) is None


def test_the_verdict():
    steady = [(70.0, {"all": 100.0}), (600.0, {"all": 105.0})]
    assert summary(Soak([answer(OK)], steady, KILLS))["passed"]
    assert not summary(Soak([answer(OK), answer("connection")], steady, KILLS))["passed"]
    assert not summary(Soak([answer(OK)], [(70.0, {"all": 100.0}), (600.0, {"all": 111.0})]))[
        "passed"
    ]
    told = summary(Soak([answer("timeout")], [], []))
    assert told["hung"] == 1 and json.dumps(told)
    assert "timeout 1" in table([answer("timeout")])


def test_requests_are_of_every_kind_and_repeat_by_seed():
    rng, again = random.Random(1), random.Random(1)
    made = [any_request(rng) for _ in range(200)]
    assert made[:20] == [any_request(again) for _ in range(20)]
    assert {request.route for request in made} == {
        "generation", "stream", "stream with previews", "edit", "upscale", "captions", "canny",
        "classify", "v2", NONSENSE,
    }  # fmt: skip
