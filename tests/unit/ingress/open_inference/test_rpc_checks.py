"""Who is let in over gRPC, and what a call that failed ends with."""

import hashlib
from types import SimpleNamespace

import pytest
from grpc import StatusCode
from tritonclient.grpc import service_pb2 as pb

from tests.images import jpeg
from tests.service import Service
from tests.unit.ingress.open_inference.calling import Rpc, caption


@pytest.fixture
def rpc():
    return Rpc(Service())


async def test_api_keys_are_asked_for_as_over_http(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(hashlib.sha256(b"secret").hexdigest())
    rpc = Rpc(Service({"auth": {"keys_file": str(keys)}}))
    for wrong in ({}, {"authorization": "Bearer other"}):
        code = await rpc.refused("ModelInfer", caption(jpeg()), **wrong)
        assert code == StatusCode.UNAUTHENTICATED
        (response,) = await rpc.stream(caption(jpeg()), **wrong)
        assert "API key" in response.error_message
    assert not rpc.service.handles["captioner"].calls
    assert (await rpc.ask("ServerReady", pb.ServerReadyRequest()))[0].ready
    _, context = await rpc.ask("ModelInfer", caption(jpeg()), authorization="Bearer secret")
    assert context.code is None


async def test_a_service_that_stops_lets_nobody_in(rpc):
    rpc.service.door.closed = True
    assert await rpc.refused("ModelInfer", caption(jpeg())) == StatusCode.UNAVAILABLE
    assert (await rpc.ask("ServerLive", pb.ServerLiveRequest()))[0].live
    (response,) = await rpc.stream(caption(jpeg()))
    assert "stopping" in response.error_message


async def test_what_is_worth_a_retry_says_when():
    rpc = Rpc(Service(max_pending_images=1))
    _, context = await rpc.ask("ModelInfer", caption(jpeg(), jpeg()))
    ((key, seconds),) = context.trailing
    assert key == "retry-after" and int(seconds) >= 1


async def test_mistakes_of_ours_are_internal_and_told_of_in_the_log_alone(rpc):
    rpc.service.handles["captioner"].answer = lambda picture: "not a result"
    _, context = await rpc.ask("ModelInfer", caption(jpeg()))
    assert context.code == StatusCode.INTERNAL
    rpc.calls._server = SimpleNamespace(infer=lambda *args: 1 / 0)
    _, context = await rpc.ask("ModelInfer", caption(jpeg()))
    assert context.code == StatusCode.INTERNAL and "division" not in context.details
