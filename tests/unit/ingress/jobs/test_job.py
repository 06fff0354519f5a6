"""One job's work, tries and errors."""

import asyncio

import pytest

from serve_app.errors import InvalidImage, QueueFull, StageFailed
from serve_app.ingress.jobs import job as jobs
from tests import fakes
from tests.images import from_base64
from tests.unit.ingress.jobs.making import Making


def failing(*errors):
    """A generator that raises these first."""
    left = list(errors)

    def generated(request, terms, edges=None):
        if left:
            raise left.pop(0)
        return fakes.generated(request, terms)

    return generated


@pytest.fixture
def pauses(monkeypatch):
    slept, sleep_really = [], asyncio.sleep

    async def sleep(seconds):
        if seconds:
            slept.append(seconds)
        await sleep_really(0)

    monkeypatch.setattr(jobs.asyncio, "sleep", sleep)
    return slept


async def test_the_result_has_all_images_in_order():
    making = Making()
    making.go.set()
    making.submit(n=3, caption=True, output_format="jpeg")
    job = await making.done("job1")
    assert [each.seed for each in job.result.data] == [7, 8, 9]
    assert [each.caption for each in job.result.data] == ["a red circle"] * 3
    assert from_base64(job.result.data[0].b64_json).format == "JPEG"
    assert set(job.result.timings) == {"queue", "generate", "caption", "encode"}
    assert job.result.usage.output_tokens == 24


async def test_what_the_client_did_wrong_fails_the_job():
    making = Making(generated=failing(InvalidImage("truncated").about("image")))
    making.submit()
    job = await making.done("job1")
    assert job.status == "failed" and job.result is None
    assert job.error.model_dump() == {
        "message": "image: truncated", "type": "invalid_request_error", "param": "image",
        "code": "invalid_image",
    }  # fmt: skip
    with pytest.raises(InvalidImage):
        async for _ in making.book.events("job1", ""):
            pass


async def test_what_there_is_no_room_for_is_put_off(pauses):
    making = Making(generated=failing(QueueFull("full").after(17), QueueFull("full").after(999)))
    making.submit()
    job = await making.done("job1")
    assert job.status == "succeeded"
    assert pauses == [making.book._answering._pipeline.work["generate"].drained_in_s()] * 2


async def test_but_not_for_ever_and_not_over_a_deadline(pauses):
    making = Making(generated=failing(*[QueueFull("full")] * 9))
    making.submit()
    assert (await making.done("job1")).error.code == "queue_full"
    assert len(pauses) == 4
    making = Making(generated=failing(QueueFull("full")))
    making.submit(deadline_ms=60_000)
    assert (await making.done("job1")).error.code == "queue_full"


async def test_a_mistake_of_ours_says_nothing_of_itself(monkeypatch):
    making = Making()
    making.go.set()
    monkeypatch.setattr(making.book._answering, "answer_of", lambda *_: 1 / 0)
    making.submit()
    job = await making.done("job1")
    assert (job.error.code, job.error.type) == ("internal_error", "server_error")
    assert "zero" not in job.error.message
    making = Making(generated=failing(StageFailed("the stage failed")))
    making.submit()
    assert (await making.done("job1")).error.code == "stage_failed"
