"""Whose turn it is."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from serve_app.ingress.jobs.turns import Ticket, Turns


class Line:
    """Tickets that hold their turn until they are told to end."""

    def __init__(self, images):
        self.turns = Turns(images)
        self.begun = []
        self._ends = {}

    async def join(self, name, owner="", images=1, priority=0):
        ticket = Ticket(owner, images, priority)
        self._ends[name] = asyncio.Event()

        async def hold():
            async with self.turns.taken(ticket):
                self.begun.append(name)
                await self._ends[name].wait()

        task = asyncio.create_task(hold())
        await settled()
        return ticket, task

    async def end(self, name):
        self._ends[name].set()
        await settled()


@asynccontextmanager
async def in_time():
    async with asyncio.timeout(5):
        yield


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_images_than_there_may_be_and_in_order():
    line = Line(4)
    for name, images in (("a", 3), ("b", 3), ("c", 1)):
        await line.join(name, images=images)
    assert line.begun == ["a"], "c does not pass b, which would wait for ever"
    assert line.turns.images == 7
    await line.end("a")
    assert line.begun == ["a", "b", "c"]


async def test_who_has_less_in_progress_is_next():
    line = Line(2)
    for name in ("a1", "a2", "a3", "a4"):
        await line.join(name, owner="a")
    ticket, _ = await line.join("b1", owner="b")
    assert line.turns.ahead(ticket) == (0, 2)
    await line.end("a1")
    assert line.begun == ["a1", "a2", "b1"]


async def test_a_point_of_priority_counts_as_ten_seconds():
    line = Line(1)
    for name, priority in (("first", 0), ("low", -1), ("usual", 0), ("high", 1)):
        await line.join(name, priority=priority)
    for name in ("first", "high", "usual"):
        await line.end(name)
    assert line.begun == ["first", "high", "usual", "low"]


@pytest.mark.parametrize("granted", [False, True])
async def test_who_is_cancelled_gives_up_the_place(granted):
    line = Line(1)
    _, first = await line.join("first")
    _, second = await line.join("second")
    await line.join("third")
    if granted:
        line._ends["first"].set()
        await first  # the second has its turn, and does not know it yet
    second.cancel()
    if not granted:
        await line.end("first")
    async with in_time():
        await asyncio.wait([second])
        while "third" not in line.begun:
            await asyncio.sleep(0)
    await line.end("third")
    assert line.turns.images == 0


async def test_a_ticket_that_is_cancelled_is_never_given_a_turn():
    """Between the cancellation and its task's next step somebody else may end."""
    line = Line(1)
    await line.join("first")
    ticket, second = await line.join("second")
    second.cancel()
    line.turns._begin()
    assert ticket.begins.cancelled()
    await line.end("first")
    assert second.cancelled() and line.turns.images == 0
