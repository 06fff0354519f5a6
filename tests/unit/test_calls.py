"""A call to a stage: its failures in our own words, and run again where its replica died."""

import asyncio
import time
from functools import partial

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from serve_app import errors
from serve_app.calls import call, stream, together
from serve_app.messages import Terms
from serve_app.pipeline import Composition, Finished
from tests import fakes
from tests.fakes import FakeHandle
from tests.pipelines import ALL, CONTROL, REQUEST, pipeline_of


def grpc_error(code):
    return AioRpcError(code, Metadata(), Metadata(), "larger than max")


async def whole(pipeline):
    return await pipeline.generate(REQUEST, ALL)


async def streamed(pipeline):
    stream = pipeline.generate_streaming(REQUEST, ALL, 1, Terms(partial_images=1))
    return await asyncio.wait_for(_drained(stream), 5)


async def _drained(stream):
    return [event async for event in stream]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (errors.InvalidImage("truncated"), errors.InvalidImage),
        (BackPressureError(9, 9), errors.QueueFull),
        (RayActorError(), errors.StageUnavailable),
        (DeploymentUnavailableError("no"), errors.StageUnavailable),
        (asyncio.CancelledError(), errors.StageUnavailable),  # its replica was stopped
        (grpc_error(StatusCode.UNAVAILABLE), errors.StageUnavailable),
        (grpc_error(StatusCode.RESOURCE_EXHAUSTED), errors.StageFailed),
        (KeyError("a mistake of Ray's or ours"), errors.StageFailed),
    ],
)
@pytest.mark.parametrize("ask", [whole, streamed])
async def test_failures_are_told_in_our_own_words(failure, expected, ask):
    pipeline, _ = pipeline_of(generator=lambda request, terms, edges: failure)
    with pytest.raises(expected):
        await ask(pipeline)
    assert pipeline.work["generate"].pending == 0


@pytest.mark.parametrize("grpc", [True, False])
@pytest.mark.parametrize("stage", ["canny", "generator", "upscaler", "captioner"])
@pytest.mark.parametrize("ask", [whole, streamed])
async def test_what_a_stage_raises_is_its_failure(stage, grpc, ask, caplog):
    def broken(*args):
        raise RuntimeError("out of memory")

    pipeline, _ = pipeline_of(grpc=grpc, **{stage: broken})
    with caplog.at_level("INFO"), pytest.raises(errors.StageFailed) as failed:
        await ask(pipeline)
    assert "out of memory" not in str(failed.value), "that is for the log"
    assert caplog.text.count("out of memory") > 0
    assert caplog.text.count("stage failed") == 1


@pytest.mark.parametrize("grpc", [True, False])
async def test_a_refusal_that_was_raised_keeps_its_meaning(grpc):
    def refusing(*args):
        raise errors.InvalidImage("truncated")

    pipeline, _ = pipeline_of(grpc=grpc, captioner=refusing)
    with pytest.raises(errors.InvalidImage, match=r"^truncated$"):
        await pipeline.caption([b"an image"])


async def test_a_mistake_of_ours_ends_a_stream_too():
    pipeline, handles = pipeline_of()
    handles["upscaler"].answer = lambda picture, scale: "no image"
    with pytest.raises(AttributeError):
        await asyncio.wait_for(streamed(pipeline), 5)


async def test_a_call_whose_replica_died_is_run_again_once():
    died = []

    def generator(request, terms, edges):
        died.append(terms.finish_by)
        return RayActorError() if len(died) < 2 else fakes.generated(request, terms)

    pipeline, _ = pipeline_of(generator=generator)
    finish_by = time.time() + 9
    (image,) = await pipeline.generate(REQUEST, Composition(), terms=Terms(finish_by=finish_by))
    assert image.seed == 7
    assert died == [finish_by, finish_by], "the deadline is the same moment for both"


async def test_a_stream_whose_replica_died_goes_on_without_repeating_its_previews():
    died = []

    def generator(request, terms, edges):
        died.append(1)
        return RayActorError() if len(died) < 2 else fakes.generated(request, terms)

    pipeline, _ = pipeline_of(generator=generator)
    events = [
        event
        async for event in pipeline.generate_streaming(
            REQUEST, Composition(CONTROL, caption=True), 1, Terms(partial_images=1)
        )
    ]
    shown = [e.progress.partial_image_index for e in events[:-1] if e.progress.pixels is not None]
    assert shown == [0] and len(died) == 2
    assert isinstance(events[-1], Finished) and events[-1].caption == "a red circle"
    assert [report.stage for report in events[-1].reports] == ["canny", "generate", "caption"]


async def test_a_stream_that_is_left_stops_its_work():
    pipeline, handles = pipeline_of(generator=lambda request, terms, edges: asyncio.sleep(60))
    stream = pipeline.generate_streaming(REQUEST, Composition(), 1, Terms())
    await anext(stream)
    await stream.aclose()
    await asyncio.sleep(0.01)
    assert handles["generator"].responses[0].cancelled
    assert pipeline.work["generate"].pending == 0


async def test_one_failed_image_stops_the_others():
    def generator(request, terms, edges):
        return errors.InvalidRequest("no") if request.seed == 8 else asyncio.sleep(60)

    pipeline, handles = pipeline_of(generator=generator)
    with pytest.raises(errors.InvalidRequest):
        await pipeline.generate(REQUEST, Composition(), images=2)
    await asyncio.sleep(0)
    assert [call.cancelled for call in handles["generator"].responses] == [True, False]


async def test_a_request_over_its_time_is_told_so():
    pipeline, handles = pipeline_of(
        {"request_timeout_s": 0.05}, captioner=lambda picture: asyncio.sleep(60)
    )
    with pytest.raises(errors.TimedOut):
        await pipeline.caption([b"an image"])
    assert handles["captioner"].responses[0].cancelled, "Ray lets it run on otherwise"


# without a pipeline


async def test_an_answer_can_be_handed_on_by_its_reference():
    handle = FakeHandle(fakes.described)
    called = await call("caption", partial(handle.remote, b"an image"))
    assert called.result.text == "a red circle" and called.reference is handle.responses[0]


async def test_a_second_loss_is_told_and_no_third_try_is_made():
    handle = FakeHandle(lambda: RayActorError())
    with pytest.raises(errors.StageUnavailable, match="the stage caption is restarting"):
        await call("caption", handle.remote)
    assert len(handle.calls) == 2
    with pytest.raises(errors.StageUnavailable):
        [item async for item in stream("caption", handle.remote)]
    assert len(handle.calls) == 4


async def test_what_runs_together_answers_in_order_and_fails_together():
    let_go = asyncio.Event()

    async def slow():
        await let_go.wait()
        return 1

    async def quick():
        let_go.set()
        return 2

    assert await together([slow(), quick()]) == [1, 2]
    let_go.clear()

    async def failing():
        raise errors.StageFailed("it failed")

    waiting = asyncio.ensure_future(slow())
    with pytest.raises(errors.StageFailed):
        await together([waiting, failing()])
    await asyncio.wait([waiting], timeout=5)
    assert waiting.cancelled()


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_a_client_that_leaves_is_no_lost_replica(ask, published):
    """Its call may end before this task is told to."""
    pipeline, handles = pipeline_of(
        generator=lambda request, terms, edges: asyncio.CancelledError()
    )
    asked = asyncio.create_task(ask(pipeline))
    while not handles["generator"].responses:
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await asyncio.sleep(0.1)
    assert len(handles["generator"].calls) == 1 and published.sums("image_reruns") == {}
