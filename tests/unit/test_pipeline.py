"""One request's life, with stages that answer at once."""

import asyncio
import time

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from serve_app import errors
from serve_app.messages import CannyRequest, GenerationRequest, Progress, Terms
from serve_app.pipeline import Composition, Finished, InProgress, Pipeline
from serve_app.stages import Stages
from tests import fakes
from tests.fakes import FakeHandle

REQUEST = GenerationRequest(
    prompt="a red circle", negative_prompt="", seed=7, width=128, height=64,
    num_inference_steps=4, sampler="ddim", guidance_scale=3.0,
    controlnet_conditioning_scale=1.0, strength=0.75,
)  # fmt: skip
CONTROL = CannyRequest(b"an image", 100, 200, (128, 64))
ALL = Composition(CONTROL, upscale=4, caption=True)


def pipeline_of(limits=None, share=None, grpc=False, **stages):
    usual = {
        "canny": fakes.edges,
        "generator": fakes.generated,
        "upscaler": fakes.enlarged,
        "captioner": fakes.described,
    }
    handles = {
        name: FakeHandle(stages.get(name, answer), grpc=grpc) for name, answer in usual.items()
    }
    handles["classifier"] = fakes.classifier()
    limits = fakes.app_args(**(limits or {})).limits
    made = Pipeline(Stages(**handles), limits, **({"share": share} if share else {}))
    return made, handles


def grpc_error(code):
    return AioRpcError(code, Metadata(), Metadata(), "larger than max")


async def whole(pipeline):
    return await pipeline.generate(REQUEST, ALL)


async def streamed(pipeline):
    stream = pipeline.generate_streaming(REQUEST, ALL, 1, Terms(partial_images=1))
    return await asyncio.wait_for(_drained(stream), 5)


async def _drained(stream):
    return [event async for event in stream]


async def test_the_whole_composition():
    pipeline, handles = pipeline_of()
    composition = Composition(CONTROL, upscale=4, caption=True)
    (image,) = await pipeline.generate(REQUEST, composition)
    assert image.pixels.shape == (256, 512, 3)
    assert pipeline.step_s == pytest.approx(0.01 / 4)
    assert image.caption == "a red circle"
    assert [r.stage for r in image.reports] == ["canny", "generate", "upscale", "caption"]
    assert all(len(handles[name].calls) == 1 for name in handles if name != "classifier")


async def test_only_the_stages_that_are_asked_for():
    pipeline, handles = pipeline_of()
    await pipeline.generate(REQUEST, Composition())
    calls = {name: len(handle.calls) for name, handle in handles.items()}
    assert calls == {"canny": 0, "generator": 1, "upscaler": 0, "captioner": 0, "classifier": 0}


async def test_images_get_consecutive_seeds_and_share_the_edges():
    pipeline, handles = pipeline_of()
    images = await pipeline.generate(REQUEST, Composition(CONTROL), images=3)
    assert [image.seed for image in images] == [7, 8, 9]
    assert [image.pixels[0, 0, 0] for image in images] == [7, 8, 9]
    assert len(handles["canny"].calls) == 1
    assert len({id(edges) for _, _, edges in handles["generator"].calls}) == 1


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
    assert pipeline._admission["generate"].pending == 0


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


async def test_a_deadline_leaves_time_for_what_comes_after():
    pipeline, handles = pipeline_of()
    await pipeline.generate(REQUEST, ALL)
    await pipeline.generate(REQUEST, ALL, terms=Terms(finish_by=time.time() + 9))
    left_s = handles["generator"].calls[-1][1].finish_by - time.time()
    assert 8.9 < left_s < 9 - 0.2 * 0.01


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
    assert pipeline._admission["generate"].pending == 0


async def test_a_deadline_that_passes_is_told_so():
    pipeline, _ = pipeline_of(generator=lambda request, terms, edges: asyncio.sleep(60))
    with pytest.raises(errors.TimedOut):
        finish_by = time.time() + 0.05
        await pipeline.generate(REQUEST, Composition(), terms=Terms(finish_by=finish_by))


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


async def test_what_does_not_fit_is_refused_before_any_work():
    pipeline, handles = pipeline_of({"max_pending_images": 2})
    with pytest.raises(errors.QueueFull):
        await pipeline.generate(REQUEST, Composition(CONTROL), images=3)
    assert not handles["canny"].calls


async def test_a_full_queue_of_images_does_not_refuse_captions():
    pipeline, _ = pipeline_of(
        {"max_pending_images": 1}, generator=lambda request, terms, edges: asyncio.sleep(60)
    )
    generating = asyncio.create_task(pipeline.generate(REQUEST, Composition()))
    await asyncio.sleep(0)
    with pytest.raises(errors.QueueFull):
        await pipeline.generate(REQUEST, Composition())
    assert (await pipeline.caption([b"an image"]))[0].text == "a red circle"
    generating.cancel()


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


async def test_each_ingress_replica_admits_its_share():
    pipeline, _ = pipeline_of({"max_pending_images": 64}, share=lambda limit: limit // 32)
    with pytest.raises(errors.QueueFull):
        await pipeline.generate(REQUEST, Composition(), images=3)
    assert len(await pipeline.generate(REQUEST, Composition(), images=2)) == 2
    assert pipeline.work["caption"].capacity == 2


async def test_the_classifier_is_asked_once_what_it_is():
    pipeline, handles = pipeline_of()
    await asyncio.gather(*(pipeline.describe_classifier() for _ in range(9)))
    assert len(handles["classifier"].describe.calls) == 1
