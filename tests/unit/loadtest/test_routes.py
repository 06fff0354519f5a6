"""What is asked of the service."""

import json
from collections import Counter

import pytest

from loadtest.routes import AS_PIPELINE, ROUTES, drawn, parse_mix, request_to


def test_routes_are_drawn_by_their_weights():
    requests = drawn(parse_mix("generation=3,captions=5,upscale=2"), 21, seed=0)
    assert len(requests) == 21
    counts = Counter(request.route for request in requests)
    assert counts == pytest.approx({"generation": 6.3, "captions": 10.5, "upscale": 4.2}, abs=1)
    assert [r.route for r in requests[:6]] != ["generation"] * 6


def test_the_same_seed_draws_the_same():
    mix = parse_mix("canny,classify")
    assert drawn(mix, 30, seed=3) == drawn(mix, 30, seed=3)
    assert drawn(mix, 30, seed=3) != drawn(mix, 30, seed=4)


@pytest.mark.parametrize("text", ["", "painting=2", "captions=0", "captions=-1", "captions=many"])
def test_what_is_no_mix_is_refused(text):
    with pytest.raises(ValueError):
        parse_mix(text)


def test_a_generation_asks_for_the_work_of_the_baseline():
    body = json.loads(request_to("generation", 4, deadline_ms=900).body)
    assert body["seed"] == 4
    assert body["deadline_ms"] == 900
    assert AS_PIPELINE.items() <= body.items()
    assert (body["guidance_end"], body["latent_clamp"]) == (1.0, False)


def test_the_baseline_asks_for_the_same():
    from benchmarks.same_work import request_of

    request = request_of(0)
    body = json.loads(request_to("generation", 0).body)
    assert body["size"] == f"{request.width}x{request.height}"
    for name in ("prompt", *AS_PIPELINE.keys() - {"size"}):
        assert body[name] == getattr(request, name), name


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_has_a_request(route):
    request = request_to(route, 1)
    assert request.path.startswith("/v1/")
    assert request.body
