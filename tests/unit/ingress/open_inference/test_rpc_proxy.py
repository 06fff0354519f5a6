"""What the proxies send to the ingress."""

import pickle

import pytest
from google.protobuf.message_factory import GetMessageClass
from ray import cloudpickle
from tritonclient.grpc import service_pb2 as pb

from serve_app.ingress.open_inference.rpc_proxy import METHODS, add_inference_service


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_requests_go_from_process_to_process(pickler):
    request = pb.ModelInferRequest(model_name="caption", raw_input_contents=[b"\x00\xff"])
    assert pickler.loads(pickler.dumps([request])) == [request]


def test_so_does_the_request_of_every_method():
    for method in METHODS.values():
        message = GetMessageClass(method.input_type)()
        assert type(pickle.loads(pickle.dumps(message))) is type(message), method.name


def test_the_whole_service_is_registered():
    class Server:
        def add_generic_rpc_handlers(self, handlers):
            (handler,) = handlers
            self.names = {name.rpartition("/")[2] for name in handler._method_handlers}

        def add_registered_method_handlers(self, name, handlers):
            assert name == "inference.GRPCInferenceService"

    class Anything:
        def __getattr__(self, name):
            return print

    server = Server()
    add_inference_service(Anything(), server)
    assert server.names == set(METHODS)
