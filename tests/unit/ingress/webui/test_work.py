import asyncio

import pytest

from serve_app.errors import QueueFull
from serve_app.ingress.webui.work import Work, state_of
from serve_app.messages import Progress
from serve_app.pipeline import Finished, InProgress


def finished(seed):
    return Finished(None, seed, None, [])


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 10))


async def held(*items):
    for item in items:
        yield item
    await asyncio.Event().wait()


async def listed(*items):
    for item in items:
        yield item


async def failing():
    raise QueueFull("full")
    yield


def test_images_come_in_the_order_of_their_seeds():
    images, interrupted = run(Work().run("txt2img", 2, listed(finished(8), finished(7))))
    assert [image.seed for image in images] == [7, 8] and not interrupted


def test_errors_pass():
    with pytest.raises(QueueFull):
        run(Work().run("txt2img", 1, failing()))


def test_what_is_in_progress():
    async def scenario():
        work = Work()
        step = InProgress(8, Progress(2, 4, 1.5, 0, "pixels", 0))
        first = asyncio.create_task(work.run("txt2img", 2, held(finished(7), step)))
        second = asyncio.create_task(work.run("img2img", 1, held()))
        while not (work.current and work.current.preview):
            await asyncio.sleep(0)
        assert (work.current.progress, work.current.eta_s, work.waiting) == (0.75, 1.5, 1)
        state = state_of(work.current)
        assert (state["job"], state["job_count"], state["job_no"]) == ("txt2img", 2, 1)
        assert (state["sampling_step"], state["sampling_steps"]) == (2, 4)
        work.interrupt()
        assert await first == ([finished(7)], True) and await second == ([], True)
        assert work.current is None and work.waiting == 0

    run(scenario())


def test_a_client_that_leaves_ends_the_stream():
    async def scenario():
        closed = asyncio.Event()

        async def stream():
            try:
                await asyncio.Event().wait()
                yield
            finally:
                closed.set()

        work = Work()
        request = asyncio.create_task(work.run("txt2img", 1, stream()))
        while not work.current:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        request.cancel()
        await closed.wait()
        assert request.cancelled() and work.current is None

    run(scenario())


def test_nothing_is_in_progress():
    assert state_of(None)["job_count"] == 0
