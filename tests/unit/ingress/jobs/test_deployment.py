"""What crosses from the jobs' replica to an ingress replica, and back."""

import pickle

import pytest

from serve_app.errors import NotFound
from serve_app.ingress.jobs.deployment import Jobs
from serve_app.ingress.jobs.job import Order
from tests import fakes
from tests.unit.ingress.jobs.making import work


def jobs(settings):
    return Jobs.func_or_class(fakes.app_args({"jobs": settings}), **fakes.handles())


async def test_orders_and_reports_can_be_sent():
    order, asked = pickle.loads(pickle.dumps((Order("id", "", "key", "d"), work(n=2))))
    kept = jobs({})
    report = pickle.loads(pickle.dumps(await kept.submit(order, asked)))
    assert (report.id, report.status) == ("id", "queued")
    events = [event async for event in kept.events("id", "")]
    assert events[0] is None
    kinds = [event["type"] for event in pickle.loads(pickle.dumps(events)) if event]
    assert kinds.count("image_generation.completed") == 2
    report = pickle.loads(pickle.dumps(await kept.report("id", "")))
    assert [image.seed for image in report.result.data] == [7, 8]


async def test_refusals_are_values():
    kept = jobs({})
    for refused in (await kept.report("x", ""), await kept.cancel("x", "")):
        assert isinstance(refused, NotFound)
    (last,) = [event async for event in kept.events("x", "")]
    assert isinstance(last, NotFound)


def test_webhooks_without_a_secret_stop_the_start(monkeypatch):
    monkeypatch.delenv("HOOKS", raising=False)
    with pytest.raises(ValueError, match="HOOKS"):
        jobs({"webhook_hosts": ["x"], "webhook_secret_variable": "HOOKS"})
