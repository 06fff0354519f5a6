"""gRPC's messages, as Triton's client makes them and by hand."""

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2 as pb

from serve_app.errors import InvalidRequest
from serve_app.ingress.open_inference.request import InferenceRequest, Signature
from serve_app.ingress.open_inference.rpc_messages import read_request, write_response
from serve_app.ingress.open_inference.tensors import TensorSpec
from serve_app.messages import Terms

PROMPT = TensorSpec("prompt", "BYTES", (1,))
SEED = TensorSpec("seed", "INT64", (1,), optional=True)
SCALE = TensorSpec("scale", "INT32", (1,), optional=True)
FLOATS = TensorSpec("pixel_values", "FP32", (-1, 2), optional=True)
RESULT = TensorSpec("result", "BYTES", (1,), is_image=True)
SIGNATURE = Signature([PROMPT, SEED, SCALE, FLOATS], [RESULT], 8)
RAW = b"\x02\x00\x00\x00hi"


def tensor(name, datatype, shape, **contents):
    return {"name": name, "datatype": datatype, "shape": shape, "contents": contents}


def asked(*inputs, **fields):
    return pb.ModelInferRequest(model_name="m", inputs=inputs, **fields)


def test_raw_tensors_are_read_in_the_order_of_the_inputs():
    prompt = triton.InferInput("prompt", [1], "BYTES")
    prompt.set_data_from_numpy(np.array(["hi"], object))
    message = asked(prompt._get_tensor(), raw_input_contents=[prompt._get_content()], id="a")
    request = read_request(message, SIGNATURE)
    assert request.inputs == {"prompt": [b"hi"]}
    assert (request.id, request.terms) == ("a", Terms())
    assert list(request.outputs) == [RESULT]


def test_tensors_may_come_value_by_value():
    message = asked(
        tensor("prompt", "BYTES", [1], bytes_contents=[b"hi"]),
        tensor("seed", "INT64", [1], int64_contents=[-(2**63)]),
        tensor("scale", "INT32", [1], int_contents=[2]),
        tensor("pixel_values", "FP32", [2, 2], fp32_contents=[1, 2, 3, 0.5]),
    )
    values = read_request(message, SIGNATURE).inputs
    assert values["prompt"] == [b"hi"] and values["seed"].tolist() == [-(2**63)]
    assert values["scale"].tolist() == [2]
    assert values["pixel_values"].tolist() == [[1, 2], [3, 0.5]]


def test_parameters_are_those_of_http():
    message = asked({"name": "prompt", "datatype": "BYTES", "shape": [1]}, raw_input_contents=[RAW])
    message.parameters["priority"].uint64_param = 1
    message.parameters["partial_images"].int64_param = 2
    message.parameters["unknown"].string_param = "x"
    message.parameters["timeout"]  # without a value, as if it were not there
    terms = read_request(message, SIGNATURE).terms
    assert (terms.priority, terms.partial_images, terms.finish_by) == (10, 2, None)
    assert "sequence_id" not in message.parameters
    message.parameters["sequence_id"].string_param = "a"
    with pytest.raises(InvalidRequest, match="sequence"):
        read_request(message, SIGNATURE)


HELLO = {"name": "prompt", "datatype": "BYTES", "shape": [1]}
REGION = {"parameters": {"shared_memory_region": {"string_param": "r"}}}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (asked(), "missing inputs: prompt"),
        (asked(*[HELLO] * 17), "at most 16"),
        (asked(HELLO, outputs=[{"name": "result"}] * 17), "at most 16"),
        (asked(HELLO, raw_input_contents=[RAW, RAW]), "raw_input_contents"),
        (asked(HELLO, raw_input_contents=[RAW + b"x"]), "more than 1"),
        (asked(HELLO, raw_input_contents=[b"\xff\xff\xff\xff"]), "longer"),
        (asked(HELLO), "end before 1"),
        (asked(HELLO | {"datatype": "FP64"}), "datatype"),
        (asked(HELLO | {"shape": [1] * 100}, raw_input_contents=[RAW]), "shape"),
        (asked(HELLO | {"shape": [2]}, raw_input_contents=[RAW]), "shape"),
        (asked(HELLO | REGION, raw_input_contents=[RAW]), "shared memory"),
        (asked(HELLO, outputs=[{"name": "result"} | REGION], raw_input_contents=[RAW]), "shared"),
        (asked(HELLO, outputs=[{"name": "x"}], raw_input_contents=[RAW]), "the outputs are"),
        (
            asked(
                HELLO,
                raw_input_contents=[RAW],
                parameters={"priority": {"string_param": "high"}},
            ),
            "priority",
        ),
    ],
)
def test_what_does_not_add_up_is_refused_with_the_reason(message, reason):
    with pytest.raises(InvalidRequest, match=reason):
        read_request(message, SIGNATURE)


def test_outputs_leave_as_raw_bytes_that_tritons_client_reads():
    probabilities = TensorSpec("probabilities", "FP32", (-1, 2))
    request = InferenceRequest("a", {}, {RESULT: False, probabilities: False}, Terms())
    values = {"result": [b"\x89PNG"], "probabilities": np.array([[0.25, 0.75]], np.float32)}
    message = write_response("m", values, request)
    assert (message.model_name, message.model_version, message.id) == ("m", "1", "a")
    result = triton.InferResult(message)
    assert result.as_numpy("result").tolist() == [b"\x89PNG"]
    assert result.as_numpy("probabilities").tolist() == [[0.25, 0.75]]
