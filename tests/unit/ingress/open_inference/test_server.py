"""The inference server, without a transport."""

import pytest

from serve_app.errors import InvalidRequest, NotFound, StageUnavailable
from serve_app.ingress.open_inference.request import InferenceRequest
from serve_app.ingress.replicas import Replicas
from serve_app.messages import Terms
from tests.images import jpeg
from tests.service import Service


@pytest.fixture
def server():
    return Service().server


def wanting(inputs, **terms):
    def read(signature):
        outputs = dict.fromkeys(signature.outputs, True)
        return InferenceRequest("mine", inputs, outputs, Terms(**terms))

    return read


def write(values, request):
    return values | {"id": request.id}


async def streamed(server, model, read):
    return [answer async for answer in server.stream(model, "1", read, write)]


def counts(server, model):
    (found,) = server.statistics(model)["model_stats"]
    spent = found["inference_stats"]
    return found["inference_count"], spent["success"]["count"], spent["fail"]["count"]


async def test_an_inference_is_read_run_written_and_counted(server):
    answer = await server.infer("caption", "1", wanting({"image": [jpeg()] * 3}), write)
    assert answer.outputs == {"caption": [b"a red circle"] * 3, "id": "mine"}
    assert answer.preview is None and "caption" in answer.timings.seconds
    assert counts(server, "caption") == (3, 1, 0)


async def test_what_fails_is_counted_and_what_was_not_understood_is_not(server):
    def unreadable(signature):
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        await server.infer("caption", "1", unreadable, write)
    assert counts(server, "caption") == (0, 0, 0)
    with pytest.raises(InvalidRequest):
        await server.infer("text_to_image", "1", wanting({"prompt": [b"\xff"]}), write)
    assert counts(server, "text_to_image") == (0, 0, 1)


async def test_previews_are_no_inferences(server):
    read = wanting({"prompt": [b"a star"]}, partial_images=1)
    preview, answer = await streamed(server, "text_to_image", read)
    assert (preview.preview, answer.preview) == (0, None)
    assert counts(server, "text_to_image") == (1, 1, 0)


async def test_who_leaves_after_a_preview_has_failed(server):
    answers = server.stream(
        "text_to_image", "1", wanting({"prompt": [b"a star"]}, partial_images=1), write
    )
    assert (await anext(answers)).preview == 0
    await answers.aclose()
    assert counts(server, "text_to_image") == (0, 0, 1)


async def test_previews_need_a_stream_and_a_model_that_has_some(server):
    with pytest.raises(InvalidRequest, match="ModelStreamInfer"):
        read = wanting({"prompt": [b"a star"]}, partial_images=1)
        await server.infer("text_to_image", "1", read, write)
    with pytest.raises(InvalidRequest, match="caption has no previews"):
        await streamed(server, "caption", wanting({"image": [jpeg()]}, partial_images=1))


async def test_unknown_models_and_versions_are_not_found(server):
    for name, version in (("resnet", "1"), ("caption", "2")):
        for call in (server.metadata, server.config, server.require_model_ready):
            with pytest.raises(NotFound):
                await call(name, version)
        with pytest.raises(NotFound):
            server.statistics(name, version)


async def test_the_index_needs_no_more_than_what_serve_says():
    service = Service()
    service.running["Upscaler"] = 0
    states = {each["name"]: each["state"] for each in await service.server.index()}
    assert [name for name, state in states.items() if state != "READY"] == ["upscale"]
    assert len(await service.server.index(only_ready=True)) == len(states) - 1


async def test_it_is_not_ready_while_nothing_is_known():
    def unknown():
        raise OSError("no controller")

    service = Service()
    service.server._replicas = Replicas(unknown)
    with pytest.raises(StageUnavailable):
        await service.server.require_ready()
