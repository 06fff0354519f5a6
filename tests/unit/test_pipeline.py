"""One request's life, with stages that answer at once."""

import asyncio

import pytest
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError

from serve_app import errors
from serve_app.messages import CannyRequest, GenerationRequest, Terms
from serve_app.pipeline import Composition, Finished, Pipeline, Stages
from tests import fakes
from tests.fakes import FakeHandle

REQUEST = GenerationRequest(
    prompt="a red circle", negative_prompt="", seed=7, width=128, height=64,
    num_inference_steps=4, sampler="ddim", guidance_scale=3.0,
    controlnet_conditioning_scale=1.0, strength=0.75,
)  # fmt: skip
CONTROL = CannyRequest(b"an image", 100, 200, (128, 64))


def pipeline_of(limits=None, **stages):
    usual = {
        "canny": fakes.edges,
        "generator": fakes.generated,
        "upscaler": fakes.enlarged,
        "captioner": fakes.described,
    }
    handles = {name: FakeHandle(stages.get(name, answer)) for name, answer in usual.items()}
    handles["classifier"] = fakes.classifier()
    made = Pipeline(Stages(**handles), fakes.app_args(**(limits or {})).limits)
    return made, handles


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
    ],
)
async def test_failures_are_told_in_our_own_words(failure, expected):
    pipeline, _ = pipeline_of(generator=lambda request, terms, edges: failure)
    with pytest.raises(expected):
        await pipeline.generate(REQUEST, Composition())
    assert pipeline._admission["generate"].pending == 0


async def test_a_call_whose_replica_died_is_run_again_once():
    died = []

    def generator(request, terms, edges):
        died.append(terms.finish_within_s)
        return RayActorError() if len(died) < 2 else fakes.generated(request, terms)

    pipeline, _ = pipeline_of(generator=generator)
    (image,) = await pipeline.generate(REQUEST, Composition(), terms=Terms(finish_within_s=9))
    assert image.seed == 7
    assert died[1] < died[0] <= 9, "within its deadline"


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
        await pipeline.generate(REQUEST, Composition(), terms=Terms(finish_within_s=0.05))


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
