"""Calls over gRPC as Serve's proxy makes them, without the proxy."""

from tritonclient.grpc import service_pb2 as pb

from serve_app.ingress.open_inference.rpc import InferenceCalls, InferenceService
from tests.unit.ingress.open_inference.asking import elements


class Context:
    """Looks like Serve's own."""

    def __init__(self, **metadata):
        self.metadata, self.code, self.details = list(metadata.items()), None, ""
        self.trailing = []

    def invocation_metadata(self):
        return self.metadata

    def set_code(self, code):
        self.code = code

    def set_details(self, details):
        self.details = details

    def set_trailing_metadata(self, metadata):
        self.trailing = metadata


class Rpc(InferenceService):
    def __init__(self, service):
        self.service = service
        self.calls = InferenceCalls(service.server, service.args, service.door)

    async def ask(self, method, request=None, **metadata):
        """(response, context)."""
        context = Context(**metadata)
        return await getattr(self, method)(request, grpc_context=context), context

    async def refused(self, method, request=None, **metadata):
        response, context = await self.ask(method, request, **metadata)
        assert response.ByteSize() == 0 and context.details
        return context.code

    async def stream(self, *requests, **metadata):
        async def sent():
            for request in requests:
                yield request

        responses = self.ModelStreamInfer(sent(), Context(**metadata))
        return [response async for response in responses]


def caption(*images, **fields):
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(images)]}
    raw = [elements(*images)]
    fields = {"model_name": "caption"} | fields
    return pb.ModelInferRequest(inputs=[tensor], raw_input_contents=raw, **fields)


def generation(**parameters):
    tensor = {"name": "prompt", "datatype": "BYTES", "shape": [1]}
    request = pb.ModelInferRequest(
        model_name="text_to_image", inputs=[tensor], raw_input_contents=[elements(b"a star")]
    )
    for name, value in parameters.items():
        request.parameters[name].int64_param = value
    return request
