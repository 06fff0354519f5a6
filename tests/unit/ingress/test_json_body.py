"""JSON that is none, or that unfolds to far more than it weighs."""

import json
import time
import tracemalloc

import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.json_body import MAX_VALUES, check_values, read_json
from serve_app.ingress.open_inference.body import read_request
from serve_app.ingress.open_inference.request import Signature
from serve_app.ingress.open_inference.tensors import TensorSpec
from tests.service import GENERATIONS, Service, assert_refused


@pytest.fixture(scope="module")
def service():
    return Service()


FLOATS = TensorSpec("pixel_values", "FP32", (-1, -1))
LONGER = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 5000, b'{"a":' * 5000, b"[[]" + b",[]" * 9000 + b"]", b'{"prompt": "\xff"}',
        b"\xef\xbb\xbf{}", '{"prompt": "x"}'.encode("utf-16"), b"", b"\x00", b"null x",
        b'{"prompt": "x", "a": [1' + b",1" * 20_000 + b"]}", b'{"a": ' + LONGER.encode() + b"}",
    ],
)  # fmt: skip
def test_json_that_is_none_or_too_much_is_a_4xx_in_the_contracts_shape(service, content):
    response = service.send_json(content)
    assert response.status_code in (400, 422), response.text
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_the_refusal_says_how_many_values_a_request_may_hold(service):
    content = b'{"prompt": "x", "a": [1' + b",1" * 20_000 + b"]}"
    assert "10000 values" in assert_message(service.send_json(content))
    body = b'{"image": [1' + b",1" * 20_000 + b"]}"
    assert "10000 values" in assert_message(service.send_json(body, "/v1/captions"))


def assert_message(response):
    assert_refused(response, 400, "invalid_request")
    return response.json()["error"]["message"]


@pytest.mark.parametrize("unit", [b"[],", b"{},", b'"",', b'"ab",', b"1,", b"[1],", b'{"":0},'])
def test_what_unfolds_is_refused_before_it_is_parsed(unit):
    body = b"[" + unit * (8_000_000 // len(unit)) + b"0]"
    tracemalloc.start()
    began = time.process_time()
    try:
        for read in (read_json, lambda body: read_request(body, None, Signature([FLOATS], [], 8))):
            with pytest.raises(InvalidRequest):
                read(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(body)  # 36 times where it is parsed
    assert time.process_time() - began < 0.5


def test_honest_tensors_and_prompts_are_not_too_much():
    check_values(json.dumps({"prompt": "[a], {b}, 'c', " * 100, "control": "A" * 10**6}).encode())
    values = [[[[0.5] * 384] * 384] * 3] * 2
    tensor = {"name": "pixel_values", "datatype": "FP32", "shape": [2, 3, 384, 384], "data": values}
    spec = TensorSpec("pixel_values", "FP32", (-1, 3, 384, 384))
    request = read_request(
        json.dumps({"inputs": [tensor]}).encode(), None, Signature([spec], [], 8)
    )
    assert request.inputs["pixel_values"].shape == (2, 3, 384, 384)


@pytest.mark.parametrize("content", ["{", "[1", "\xff"])
def test_broken_json_is_a_400(service, content):
    headers = {"content-type": "application/json"}
    assert_refused(service.http.post(GENERATIONS, content=content, headers=headers), 400)


@pytest.mark.parametrize(
    ("body", "value"),
    [(b'{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}), (b" [] ", []), (b'"x"', "x")],
)
def test_json_is_read(body, value):
    assert read_json(body) == value


def test_as_many_values_as_the_limit_are_taken():
    assert len(read_json(b"[" + b"1," * (MAX_VALUES - 1) + b"1]")) == MAX_VALUES
    with pytest.raises(InvalidRequest, match=f"more than {MAX_VALUES} values"):
        read_json(b"[" + b"1," * (MAX_VALUES + 1) + b"1]")
