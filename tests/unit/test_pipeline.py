"""One request's life, with stages that answer at once."""

import asyncio
import time

import pytest

from serve_app import errors
from serve_app.messages import Terms
from serve_app.pipeline import Composition
from tests.pipelines import ALL, CONTROL, REQUEST, pipeline_of


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


async def test_a_deadline_leaves_time_for_what_comes_after():
    pipeline, handles = pipeline_of()
    await pipeline.generate(REQUEST, ALL)
    await pipeline.generate(REQUEST, ALL, terms=Terms(finish_by=time.time() + 9))
    left_s = handles["generator"].calls[-1][1].finish_by - time.time()
    assert 8.9 < left_s < 9 - 0.2 * 0.01


async def test_a_deadline_that_passes_is_told_so():
    pipeline, _ = pipeline_of(generator=lambda request, terms, edges: asyncio.sleep(60))
    with pytest.raises(errors.TimedOut, match="the request's own deadline"):
        finish_by = time.time() + 0.05
        await pipeline.generate(REQUEST, Composition(), terms=Terms(finish_by=finish_by))
    pipeline, _ = pipeline_of({"request_timeout_s": 0.05}, captioner=lambda _: asyncio.sleep(60))
    with pytest.raises(errors.TimedOut, match=r"within 0.05 s \(limits.request_timeout_s, set by"):
        await pipeline.caption([b"an image"])


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


@pytest.mark.parametrize(
    ("refusal", "answered"),
    [(errors.NeverInTime, errors.InvalidRequest), (errors.DeadlineUnmet, errors.DeadlineUnmet)],
)
async def test_what_cannot_be_in_time_is_refused_at_once_with_its_forecast(refusal, answered):
    def generator(request, terms, edges):
        assert 15 < terms.finish_by - time.time() <= 18, "a forecast may err by half"
        return refusal("it would be finished in 99.0 s").after(81)

    pipeline, _ = pipeline_of({"request_timeout_s": 12}, generator=generator)
    with pytest.raises(answered, match=r"in 99.0 s, and a request has 12 s") as refused:
        await pipeline.generate(REQUEST, Composition())
    assert type(refused.value) is answered
    assert getattr(refused.value, "retry_after_s", 81) == 81
    with pytest.raises(refusal, match=r"in 99.0 s$"):
        await pipeline.generate(REQUEST, Composition(), terms=Terms(finish_by=time.time() + 17))
