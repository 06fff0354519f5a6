"""The protocol's calls over gRPC, as Serve's proxy makes them."""

import asyncio

import pytest
from grpc import StatusCode
from tritonclient.grpc import service_pb2 as pb

from serve_app.ingress.api import Ingress
from serve_app.ingress.open_inference.rpc_proxy import METHODS
from tests.images import jpeg
from tests.service import Service
from tests.unit.ingress.open_inference.asking import elements
from tests.unit.ingress.open_inference.calling import Rpc, caption, generation


@pytest.fixture
def rpc():
    return Rpc(Service())


def named(message, **fields):
    return message(name="caption", **fields)


async def test_every_method_of_the_protocol_is_the_ingress_own():
    for name in METHODS:
        assert callable(getattr(Ingress.func_or_class, name)), name


async def test_server_and_models_are_described(rpc):
    response, context = await rpc.ask("ServerLive", pb.ServerLiveRequest())
    assert response.live and context.code is None
    metadata, _ = await rpc.ask("ServerMetadata", pb.ServerMetadataRequest())
    assert "statistics" in metadata.extensions
    metadata, _ = await rpc.ask("ModelMetadata", named(pb.ModelMetadataRequest, version="1"))
    assert [each.name for each in metadata.inputs] == ["image"]
    config, _ = await rpc.ask("ModelConfig", named(pb.ModelConfigRequest))
    assert config.config.input[0].name == "image"
    index, _ = await rpc.ask("RepositoryIndex", pb.RepositoryIndexRequest(ready=True))
    assert {each.state for each in index.models} == {"READY"}


async def test_readiness_is_an_answer_and_no_error(rpc):
    assert (await rpc.ask("ServerReady", pb.ServerReadyRequest()))[0].ready
    rpc.service.running["Captioner"] = 0
    rpc.service.now += 2
    assert not (await rpc.ask("ServerReady", pb.ServerReadyRequest()))[0].ready
    response, context = await rpc.ask("ModelReady", named(pb.ModelReadyRequest))
    assert not response.ready and context.code is None
    upscale = pb.ModelReadyRequest(name="upscale")
    assert (await rpc.ask("ModelReady", upscale))[0].ready


async def test_an_inference_answers_and_is_counted(rpc):
    response, context = await rpc.ask("ModelInfer", caption(jpeg(), jpeg(), id="a"))
    assert (response.model_name, response.model_version, response.id) == ("caption", "1", "a")
    assert response.raw_output_contents[0] == elements(b"a red circle", b"a red circle")
    assert [key for key, _ in context.trailing] == ["server-timing"]
    found, _ = await rpc.ask("ModelStatistics", named(pb.ModelStatisticsRequest))
    assert [each.inference_count for each in found.model_stats] == [2]
    # The other transport counts in the same place.
    over_http = rpc.service.http.get("/v2/models/caption/stats").json()["model_stats"]
    assert over_http[0]["inference_count"] == 2
    everything, _ = await rpc.ask("ModelStatistics", pb.ModelStatisticsRequest())
    assert len(everything.model_stats) == 7


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (caption(jpeg(), model_name="resnet"), StatusCode.NOT_FOUND),
        (caption(jpeg(), model_version="2"), StatusCode.NOT_FOUND),
        (caption(b"no image"), StatusCode.INVALID_ARGUMENT),
        (pb.ModelInferRequest(model_name="caption"), StatusCode.INVALID_ARGUMENT),
        (generation(sequence_id=3), StatusCode.INVALID_ARGUMENT),
        (generation(partial_images=1), StatusCode.INVALID_ARGUMENT),
        (caption(b"x" * 200_000), StatusCode.INVALID_ARGUMENT),
        (caption(*[jpeg()] * 3), StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_refusals_have_grpcs_codes(request_, code):
    rpc = Rpc(Service(max_pending_images=2, max_body_bytes=200_000))
    assert await rpc.refused("ModelInfer", request_) == code
    assert rpc.service.door.inside == 0


@pytest.mark.parametrize("method", ["SystemSharedMemoryRegister", "RepositoryModelLoad"])
async def test_tritons_other_methods_are_not_offered(rpc, method):
    assert await rpc.refused(method, None) == StatusCode.UNIMPLEMENTED


async def test_a_stream_answers_in_the_order_of_its_requests(rpc):
    first = asyncio.Event()
    answer = rpc.service.handles["captioner"].answer

    async def slow_at_first(picture):
        if not first.is_set():
            first.set()
            await asyncio.sleep(0.05)
        return answer(picture)

    rpc.service.handles["captioner"].answer = slow_at_first
    requests = [caption(jpeg(), id=str(number)) for number in range(40)]
    requests[1] = caption(b"no image", id="1")
    responses = await rpc.stream(*requests)
    assert [each.infer_response.id for each in responses] == [each.id for each in requests]
    assert [bool(each.error_message) for each in responses].index(True) == 1
    parameters = responses[0].infer_response.parameters
    assert parameters["triton_final_response"].bool_param
    assert rpc.service.door.inside == 0


async def test_previews_come_before_the_image(rpc):
    preview, image = [
        each.infer_response for each in await rpc.stream(generation(partial_images=1))
    ]
    assert not preview.parameters["triton_final_response"].bool_param
    assert preview.parameters["partial_image_index"].int64_param == 0
    assert image.parameters["triton_final_response"].bool_param
    assert "partial_image_index" not in image.parameters
    assert b"\x89PNG" in preview.raw_output_contents[0]


async def test_what_a_client_that_leaves_asked_for_is_cancelled(rpc):
    reached = asyncio.Event()

    async def never(*args):
        reached.set()
        await asyncio.Event().wait()

    rpc.service.handles["captioner"].answer = never
    stream = asyncio.create_task(rpc.stream(caption(jpeg())))
    await reached.wait()
    stream.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stream
    while rpc.service.door.inside:
        await asyncio.sleep(0)
    found, _ = await rpc.ask("ModelStatistics", named(pb.ModelStatisticsRequest))
    assert found.model_stats[0].inference_stats.fail.count == 1
