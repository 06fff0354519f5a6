"""The jobs that are kept: whose, how many, how long."""

import asyncio

import pytest

from serve_app.errors import InvalidField, InvalidImage, JobCancelled, NotFound, QueueFull
from tests import fakes
from tests.unit.ingress.jobs.making import Making


async def test_a_job_waits_runs_and_is_done():
    making = Making()
    job = making.submit()
    assert (job.status, job.step, job.queue_position, job.eta_s) == ("queued", 0, 1, None)
    job = await making.begun(job.id)
    assert (job.status, job.step, job.num_inference_steps) == ("running", 2, 4)
    assert (job.queue_position, job.eta_s, job.result) == (0, 0.5, None)
    making.go.set()
    job = await making.done(job.id)
    assert job.status == "succeeded" and job.result.data[0].seed == 7 and job.error is None
    assert (job.step, job.eta_s, job.queue_position) == (4, 0.0, None)
    assert making.book._jobs[job.id].work is None, "its images are not kept"


async def test_a_job_that_waits_says_how_long():
    making = Making(max_running=2, pace=3.0)
    for _ in range(3):
        making.submit()
    last = making.submit(n=2)
    await asyncio.sleep(0)
    assert (await making.begun("job2")).status == "running"
    last = making.book.report(last.id, "")
    assert (last.status, last.queue_position, last.eta_s) == ("queued", 2, 15.0)


async def test_others_see_nothing_of_it():
    making = Making()
    job = making.submit(owner="a")
    for refused in (making.book.report, making.book.cancel):
        with pytest.raises(NotFound, match="no such job"):
            result = refused(job.id, "b")
            await result
    with pytest.raises(NotFound):
        await anext(making.book.events(job.id, "b"))
    assert [each.id for each in making.book.listed("a").data] == [job.id]
    assert making.book.listed("b").data == []
    making.submit(owner="b", key="k", digest="1")
    assert making.submit(owner="a", key="k", digest="2").id not in ("job1", "job2")


async def test_only_so_many_are_taken_and_the_wait_is_told():
    making = Making(max_jobs=3, max_running=2, pace=2.0)
    for _ in range(3):
        making.submit()
        await asyncio.sleep(0)
    with pytest.raises(QueueFull, match="max_jobs") as full:
        making.submit()
    assert full.value.retry_after_s == 6
    making.go.set()
    for number in (1, 2, 3):
        await making.done(f"job{number}")
    assert making.submit().status == "queued"


async def test_what_jobs_hold_is_bounded():
    making = Making(max_bytes=10_000)
    making.submit(prompt="x" * 1000)
    with pytest.raises(QueueFull, match="max_bytes"):
        making.submit(prompt="x" * 1999)


async def test_those_that_were_done_first_are_forgotten_first():
    making = Making(max_jobs=2)
    making.go.set()
    for number in range(1, 5):
        making.submit(key=str(number))
        await making.done(f"job{number}")
    assert [job.id for job in making.book.listed("").data] == ["job4", "job3"]
    assert len(making.book._keys) == 2


async def test_results_are_bounded_in_bytes():
    making = Making(max_bytes=10_000)
    making.go.set()
    for number in range(1, 4):
        making.submit()
        assert (await making.done(f"job{number}")).status == "succeeded"
    assert len(making.book.listed("").data) == 2
    making = Making(max_bytes=4200)
    making.go.set()
    making.submit()
    job = await making.done("job1")
    assert (job.status, job.error.code, job.result) == ("failed", "body_too_large", None)


async def test_a_result_is_kept_for_a_while():
    making = Making(keep_s=0.01)
    making.go.set()
    making.submit(key="k")
    await making.done("job1")
    async with asyncio.timeout(5):
        while making.book.listed("").data:
            await asyncio.sleep(0.005)
    with pytest.raises(NotFound):
        making.book.report("job1", "")
    assert making.submit(key="k", digest="another").id == "job2"


async def test_the_same_key_is_the_same_job():
    making = Making()
    first = making.submit(key="k", digest="1")
    assert making.submit(key="k", digest="1").id == first.id
    with pytest.raises(InvalidField, match="Idempotency-Key"):
        making.submit(key="k", digest="2")
    assert len(making.book.listed("").data) == 1


@pytest.mark.parametrize("begun", [False, True])
async def test_a_cancelled_job_stops_its_work(begun):
    making = Making()
    job = making.submit()
    if begun:
        await making.begun(job.id)
    watching = making.book.events(job.id, "")
    assert await anext(watching) is None
    job = await making.book.cancel(job.id, "")
    assert (job.status, job.error, job.result) == ("cancelled", None, None)
    with pytest.raises(JobCancelled):
        async for _ in watching:
            pass
    if begun:
        assert making.handles["generator"].responses[0].cancelled
    else:
        assert not making.handles["generator"].calls
    assert (await making.book.cancel(job.id, "")).status == "cancelled"
    assert making.book._turns.images == 0


async def test_a_job_that_is_done_is_not_cancelled():
    making = Making()
    making.go.set()
    making.submit()
    await making.done("job1")
    assert (await making.book.cancel("job1", "")).status == "succeeded"


async def test_events_are_those_of_a_stream_from_now_on():
    making = Making()
    job = making.submit(progress=True, partial_images=1)
    early = making.book.events(job.id, "")
    assert await anext(early) is None
    await making.begun(job.id)
    late = making.book.events(job.id, "")
    assert await anext(late) is None
    making.go.set()
    told = [event["type"].partition(".")[2] async for event in early if event]
    assert told == ["partial_image", "progress", "completed"]
    assert [event["type"] async for event in late] == ["image_generation.completed"]
    job = await making.done(job.id)
    (again,) = [event async for event in making.book.events(job.id, "") if event]
    assert again["b64_json"] == job.result.data[0].b64_json
    assert not making.book._jobs[job.id].watchers


async def test_events_go_on_after_the_last_one_that_was_read():
    making = Making()
    making.go.set()
    making.submit(n=3)
    await making.done("job1")
    told = [event async for event in making.book.events("job1", "") if event]
    ids = [event["event_id"] for event in told]
    assert len(ids) == 3 and ids == sorted(set(ids))
    left = [event async for event in making.book.events("job1", "", after=ids[1]) if event]
    assert left == told[2:]


async def test_what_is_sent_again_gets_the_answer_of_the_first():
    making = Making()
    first, second = (asyncio.create_task(making.answer(key="k", digest="1")) for _ in range(2))
    await making.begun("job1")
    with pytest.raises(InvalidField):
        await making.answer(key="k", digest="2")
    making.go.set()
    (one, timings), (other, _) = await asyncio.gather(first, second)
    assert one is other and one.data[0].seed == 7 and "generate" in timings.field
    assert (await making.answer(key="k", digest="1"))[0] is one
    assert len(making.handles["generator"].calls) == 1


async def test_a_stream_that_is_sent_again_goes_on():
    making = Making()
    first = making.stream(key="k", digest="1")
    assert await anext(first) is None
    await making.begun("job1")
    second = making.stream(key="k", digest="1")
    assert await anext(second) is None
    making.go.set()
    *_, one = [event async for event in first if event]
    (other,) = [event async for event in second if event]
    assert one is other and len(making.handles["generator"].calls) == 1


@pytest.mark.parametrize("returns", [False, True])
async def test_who_leaves_has_a_while_to_return(returns):
    making = Making(return_within_s=0.02)
    waiting = asyncio.create_task(making.answer(key="k", digest="1"))
    await making.begun("job1")
    waiting.cancel()
    await asyncio.wait([waiting])
    if returns:
        again = asyncio.create_task(making.answer(key="k", digest="1"))
        await asyncio.sleep(0.05)
        making.go.set()
        assert (await again)[0].data[0].seed == 7
    else:
        assert (await making.done("job1")).status == "cancelled"
        assert making.handles["generator"].responses[0].cancelled
        making.go.set()
        await making.answer(key="k", digest="another request, as nothing was made")


async def test_a_job_that_nobody_needs_to_wait_for_is_not_stopped_so():
    making = Making(return_within_s=0.001)
    making.submit(key="k", digest="1")
    waiting = asyncio.create_task(making.answer(key="k", digest="1"))
    await making.begun("job1")
    waiting.cancel()
    await asyncio.sleep(0.01)
    making.go.set()
    assert (await making.done("job1")).status == "succeeded"


async def test_an_error_is_the_answer_too_but_not_that_there_was_no_room():
    bad, full = InvalidImage("truncated"), QueueFull("full").after(7)
    errors = [bad, full, None]

    def generated(request, terms, edges=None):
        error = errors.pop(0)
        if error:
            raise error
        return fakes.generated(request, terms)

    making = Making(generated=generated)
    for _ in range(2):
        with pytest.raises(InvalidImage):
            await making.answer(key="a", digest="1")
    soon = {"key": "b", "digest": "1", "deadline_ms": 60_000}
    with pytest.raises(QueueFull):
        await making.answer(**soon)
    assert (await making.answer(**soon))[0].data[0].seed == 7


async def test_a_cancelled_one_has_no_answer():
    making = Making()
    waiting = asyncio.create_task(making.answer(key="k", digest="1"))
    await making.begun("job1")
    await making.book.cancel("job1", "")
    with pytest.raises(JobCancelled):
        await waiting


async def test_answers_that_were_given_make_room_first():
    making = Making(max_jobs=2)
    making.go.set()
    making.submit()
    await making.done("job1")
    for key in "abcd":
        await making.answer(key=key, digest="1")
    assert [job.id for job in making.book.listed("").data] == ["job5", "job1"]


async def test_the_end_is_posted_without_the_result():
    posted = []

    async def notify(url, report):
        posted.append((url, report.status, report.result))

    making = Making(notify)
    making.go.set()
    making.submit(webhook="https://x/hook")
    making.submit()
    await making.done("job1")
    await making.done("job2")
    await asyncio.sleep(0)
    assert posted == [("https://x/hook", "succeeded", None)]
