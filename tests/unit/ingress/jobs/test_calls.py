"""Calls of the deployment that keeps the jobs."""

import pytest
from ray.exceptions import ActorDiedError

from serve_app.errors import NotFound, StageUnavailable
from serve_app.ingress.jobs.calls import JobCalls
from serve_app.ingress.jobs.job import Order
from tests.fakes import FakeHandle
from tests.unit.ingress.jobs.making import work


async def test_a_refusal_comes_as_a_value_and_is_raised():
    handle = FakeHandle(None, report=lambda *_: NotFound("no such job"))
    with pytest.raises(NotFound):
        await JobCalls(handle).report("x", "")


async def test_an_order_whose_replica_was_lost_comes_again_under_its_id():
    answers = [ActorDiedError(), "report"]
    handle = FakeHandle(None, submit=lambda *_: answers.pop(0))
    order = Order("id", "")
    assert await JobCalls(handle).submit(order, work()) == "report"
    assert [call[0] for call in handle.submit.calls] == [order, order]


async def test_a_replica_that_is_lost_twice_is_not_there():
    handle = FakeHandle(None, listed=lambda *_: ActorDiedError())
    with pytest.raises(StageUnavailable):
        await JobCalls(handle).listed("")
