"""What Serve's gRPC proxies load: the protocol's service, and how its messages reach a replica.

Named in the Serve file, under `grpc_options.grpc_servicer_functions`. Serve pickles requests, and
pickle would look for the generated classes in the module that they were generated as.
"""

import copyreg
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

_SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
SERVICE: str = _SERVICE.full_name
METHODS = _SERVICE.methods_by_name
"""The protocol's methods, by their names."""


def add_inference_service(servicer: Any, server: Any) -> None:
    """Register the service, whose methods Serve looks up in the ingress."""
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)


def _parsed(method: str, data: bytes) -> Message:
    return GetMessageClass(METHODS[method].input_type).FromString(data)


def _picklable(name: str) -> None:
    def reduce(message: Message) -> tuple[Any, ...]:
        return _parsed, (name, message.SerializeToString())

    copyreg.pickle(GetMessageClass(METHODS[name].input_type), reduce)


for _name in METHODS:
    _picklable(_name)
