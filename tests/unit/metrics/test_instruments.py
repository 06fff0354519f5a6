"""Instruments over Ray Serve's, without Ray and as in a replica."""

import threading

import pytest
from ray.serve import context
from ray.serve.metrics import Histogram as RayHistogram

from serve_app.metrics import instruments, requests, stages
from serve_app.metrics.instruments import WHOLE_NUMBERS, Counter, Gauge, Histogram, Instrument
from tests.metrics_table import documented


@pytest.fixture(autouse=True)
def declared(monkeypatch):
    monkeypatch.setattr(instruments, "DECLARED", {})


@pytest.fixture
def in_a_replica(monkeypatch):
    """As Serve sets it in a replica: for the process."""
    own = type("Context", (), {"app_name": "images", "deployment": "D", "replica_tag": "r"})
    monkeypatch.setattr(context, "_INTERNAL_REPLICA_CONTEXT", own)


def test_without_ray_values_go_nowhere():
    Counter("tried", "t", ("stage",)).add(stage="a")
    Gauge("level", "l").set(1.5)
    Histogram("spread", "s", bounds=[1, 2]).observe(1)


def test_a_wrong_label_is_an_error():
    with pytest.raises(ValueError, match="stage"):
        Counter("tried", "t", ("stage",)).add()


def test_nothing_is_no_event():
    Counter("tried", "t").add(0)


@pytest.mark.usefixtures("in_a_replica")
def test_serve_adds_which_replica_it_is_in_any_thread():
    counter = Counter("tried", "t", ("stage",))
    thread = threading.Thread(target=lambda: counter.add(stage="a"))
    thread.start()
    thread.join()
    info = counter._recording.__self__.info
    assert set(info["tag_keys"]) == {"application", "deployment", "replica", "stage"}
    assert info["default_tags"] == {"application": "images", "deployment": "D", "replica": "r"}


def test_what_is_declared_at_import_learns_of_its_replica_later(monkeypatch):
    counter = Counter("tried", "t")
    own = type("Context", (), {"app_name": "images", "deployment": "D", "replica_tag": "r"})
    monkeypatch.setattr(context, "_INTERNAL_REPLICA_CONTEXT", own)
    counter.add()
    assert counter._recording.__self__.info["default_tags"]["replica"] == "r"


def exported_mean(bounds, values):
    """As Ray's agent rebuilds a histogram: each value is the middle of its bucket."""
    ends = [0.0, *bounds, 2 * bounds[-1]]
    middles = []
    for value in values:
        at = next((i for i, bound in enumerate(bounds) if value <= bound), len(bounds))
        middles.append((ends[at] + ends[at + 1]) / 2 if at < len(bounds) else 2 * bounds[-1])
    return sum(middles) / len(middles)


@pytest.mark.parametrize("values", [[8, 8, 5], [1], [2, 3], [32, 1, 16]])
def test_whole_numbers_keep_their_mean(values):
    assert exported_mean(WHOLE_NUMBERS, values) == sum(values) / len(values)
    assert exported_mean([1, 2, 4, 8, 16, 32], [8, 8, 5]) == 6, "where the mean is 7"


def test_bounds_reach_ray():
    histogram = Histogram("spread", "s", bounds=(1, 2.5))
    histogram.observe(2)
    made = histogram._recording.__self__
    assert isinstance(made, RayHistogram) and made.info["boundaries"] == [1, 2.5]


def test_the_documented_table_has_every_metric_with_its_labels():
    exported = {"counter": "ray_{}_total"}
    declared = {
        exported.get(each.kind, "ray_{}").format(each.name): (each.kind, frozenset(each.labels))
        for module in (requests, stages)
        for each in vars(module).values()
        if isinstance(each, Instrument)
    }
    assert {name: (row.kind, row.labels) for name, row in documented().items()} == declared
