"""What a slow reader of a stream still finds."""

import asyncio

import pytest

from serve_app.errors import StageFailed, StageUnavailable
from serve_app.mailbox import Mailbox
from serve_app.messages import Progress, Terms
from serve_app.pipeline import Composition, Finished, InProgress
from tests import fakes
from tests.pipelines import REQUEST, pipeline_of


async def test_a_slow_reader_finds_the_latest_progress_every_preview_and_every_image():
    count = 200

    class Chatty:
        async def __aiter__(self):
            for step in range(count):
                preview = step // 50 if step % 50 == 0 else None
                yield Progress(step, count, 0.5, 0, preview, preview)
            yield fakes.generated(REQUEST, Terms())

        def cancel(self):
            pass

    pipeline, handles = pipeline_of()
    handles["generator"].remote = lambda *args: Chatty()
    stream = pipeline.generate_streaming(REQUEST, Composition(), 2, Terms(every_step=True))
    events = [await anext(stream)]
    while pipeline.work["generate"].pending:
        await asyncio.sleep(0)
    events += [event async for event in stream]
    of_first = [event for event in events if event.seed == 7]
    told = [event.progress for event in of_first if isinstance(event, InProgress)]
    assert [p.partial_image_index for p in told if p.partial_image_index is not None] == [
        0,
        1,
        2,
        3,
    ]
    assert [p.step for p in told] == [0, 50, 100, 150, 199]
    assert [event.seed for event in events if isinstance(event, Finished)] == [7, 8]


# the mailbox alone


async def drained(mailbox):
    return [item async for item in mailbox.read()]


def filled_by(mailbox, work):
    writer = asyncio.ensure_future(work)
    writer.add_done_callback(mailbox.close)
    return writer


async def test_unread_items_are_replaced_by_the_next_of_their_kind_alone():
    mailbox = Mailbox()

    async def write():
        for step in range(3):
            mailbox.put(("a", step), "progress", "a")
            mailbox.put(("b", step), "progress", "b")
        mailbox.put(("preview", 0))
        mailbox.put(("preview", 1))

    filled_by(mailbox, write())
    assert await drained(mailbox) == [("a", 2), ("b", 2), ("preview", 0), ("preview", 1)]


async def test_a_quick_reader_gets_everything():
    mailbox = Mailbox()

    async def write():
        for step in range(3):
            mailbox.put(step, "progress")
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    filled_by(mailbox, write())
    assert await drained(mailbox) == [0, 1, 2]


async def test_what_was_put_comes_before_what_the_writer_raised():
    mailbox = Mailbox()

    async def write():
        mailbox.put(1)
        raise StageFailed("it failed")

    filled_by(mailbox, write())
    items = mailbox.read()
    assert await anext(items) == 1
    with pytest.raises(StageFailed, match="it failed"):
        await anext(items)


async def test_a_writer_that_was_stopped_leaves_nobody_waiting():
    mailbox = Mailbox()
    writer = filled_by(mailbox, asyncio.sleep(60))
    reading = asyncio.ensure_future(drained(mailbox))
    await asyncio.sleep(0)
    writer.cancel()
    with pytest.raises(StageUnavailable):
        await asyncio.wait_for(reading, 5)
