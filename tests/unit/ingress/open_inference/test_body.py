"""Bodies of the Open Inference Protocol."""

import json
import tracemalloc

import numpy as np
import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.open_inference.body import read_request, write_outputs
from serve_app.ingress.open_inference.request import Signature
from serve_app.ingress.open_inference.tensors import TensorSpec
from tests.images import jpeg
from tests.unit.ingress.open_inference.asking import (
    IMAGE,
    PROMPT,
    VALUES,
    assert_refused,
    described,
    elements,
    infer,
    infer_binary,
    tensor,
)

FLOATS = TensorSpec("pixel_values", "FP32", (-1, -1))


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": [{"name": "pixel_values", "datatype": "FP32", "shape": [1.5] * 100_000}]},
        {"inputs": [{"name": 3}] * 1000},
        {"inputs": [], "outputs": [{"name": 3}] * 1000},
    ],
)
def test_errors_are_not_collected_by_the_thousand(fields):
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest):
            read_request(json.dumps(fields).encode(), None, Signature([FLOATS], [], 8))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


TEXT = TensorSpec("prompt", "BYTES", (1,))
SEED = TensorSpec("seed", "INT64", (1,), optional=True)
CAPTION = TensorSpec("caption", "BYTES", (-1,))
RESULT = TensorSpec("result", "BYTES", (1,), is_image=True)


def read(header, raw=b"", length=None):
    text = json.dumps(header).encode()
    where = str(len(text)) if length is None else length
    return read_request(text + raw, where, Signature([TEXT, SEED], [CAPTION, RESULT], 8))


def binary(name, datatype, size):
    return {
        "name": name, "datatype": datatype, "shape": [1],
        "parameters": {"binary_data_size": size},
    }  # fmt: skip


def test_tensors_follow_each_other_in_the_order_of_the_header():
    raw = b"\x02\x00\x00\x00hi" + (7).to_bytes(8, "little")
    inputs = [binary("prompt", "BYTES", 6), binary("seed", "INT64", 8)]
    request = read({"id": "a", "inputs": inputs}, raw)
    assert (request.id, request.inputs["prompt"]) == ("a", [b"hi"])
    assert request.inputs["seed"].tolist() == [7]


@pytest.mark.parametrize(
    ("header", "raw", "reason"),
    [
        ({"inputs": [PROMPT, PROMPT]}, b"", "each once"),
        ({"inputs": []}, b"", "missing inputs: prompt"),
        ({"inputs": [{k: v for k, v in PROMPT.items() if k != "data"}]}, b"", "neither data"),
        ({"inputs": [PROMPT]}, b"x", "1 bytes of binary data are left over"),
        ({"inputs": [binary("prompt", "BYTES", 9)]}, b"x", "of 9 bytes of binary data 1 came"),
        ({"inputs": [PROMPT], "outputs": [{"name": "x"}]}, b"", "the outputs are caption, result"),
    ],
)
def test_what_does_not_add_up_is_refused_with_the_reason(header, raw, reason):
    with pytest.raises(InvalidRequest, match=reason):
        read(header, raw)


@pytest.mark.parametrize("length", ["-1", "1e3", "²", "9" * 16, "999999"])
def test_a_length_that_is_none_is_refused(length):
    with pytest.raises(InvalidRequest, match="Inference-Header-Content-Length"):
        read({"inputs": [PROMPT]}, length=length)


def test_all_outputs_are_given_where_none_is_asked_for():
    assert read({"inputs": [PROMPT]}).outputs == {CAPTION: False, RESULT: False}
    everything = {"inputs": [PROMPT], "parameters": {"binary_data_output": True}}
    assert read(everything).outputs == {CAPTION: True, RESULT: True}
    one = everything | {"outputs": [{"name": "result", "parameters": {"binary_data": False}}]}
    assert read(one).outputs == {RESULT: False}


def test_outputs_are_written_as_each_was_asked_for():
    values = {"caption": [b"a dot", b"two"], "result": [b"\x89PNG"]}
    described, raw = write_outputs(values, {CAPTION: True, RESULT: False})
    assert raw == [b"\x05\x00\x00\x00a dot\x03\x00\x00\x00two"]
    caption, result = described
    assert (caption["shape"], caption["parameters"]) == ([2], {"binary_data_size": len(raw[0])})
    assert result["data"] == ["iVBORw=="] and result["parameters"] == {"content_type": "base64"}


# over the API


@pytest.mark.parametrize(
    ("model", "inputs", "fields"),
    [
        ("caption", [], {}),
        ("controlnet", [PROMPT], {}),
        ("caption", [IMAGE, IMAGE], {}),
        ("caption", [PROMPT], {}),
        ("caption", [IMAGE | {"datatype": "FP32"}], {}),
        ("caption", [IMAGE | {"shape": [1, 1]}], {}),
        ("caption", [IMAGE | {"shape": [2]}], {}),
        ("caption", [IMAGE | {"shape": [33]}], {}),
        ("caption", [IMAGE | {"shape": [10**12]}], {}),
        ("caption", [IMAGE | {"shape": "1"}], {}),
        ("caption", [IMAGE | {"data": None}], {}),
        ("caption", [{"name": "image"}], {}),
        ("caption", [tensor("image", "BYTES", ["%%%"])], {}),
        ("caption", [IMAGE], {"outputs": [{"name": "other"}]}),
        ("caption", [IMAGE], {"outputs": 3}),
        ("caption", [IMAGE], {"inputs": 3}),
        (
            "caption",
            [IMAGE],
            {"outputs": [{"name": "caption", "parameters": {"shared_memory_region": "x"}}]},
        ),
        ("classifier", [VALUES | {"shape": [1, 3, 4, 5]}], {}),
        ("classifier", [VALUES | {"shape": [1, 48]}], {}),
        ("classifier", [VALUES | {"data": ["x"] * 48}], {}),
        ("text_to_image", [PROMPT, tensor("seed", "INT32", [1])], {}),
        ("text_to_image", [PROMPT, tensor("num_inference_steps", "INT32", [0])], {}),
        ("text_to_image", [PROMPT, tensor("num_inference_steps", "INT32", [101])], {}),
        ("text_to_image", [tensor("prompt", "BYTES", ["x" * 2001])], {}),
        ("upscale", [IMAGE, tensor("scale", "INT32", [2])], {}),
        ("upscale", [IMAGE, tensor("scale", "INT32", [3])], {}),
    ],
)
def test_what_does_not_keep_to_the_signature_is_a_400(service, model, inputs, fields):
    assert_refused(infer(service, model, *inputs, **fields), 400)
    assert not any(handle.calls for handle in service.handles.values())


@pytest.mark.parametrize(
    ("claimed", "raw", "length"),
    [
        (20, elements(jpeg()), None),  # too few: the rest is left over
        (10**18, elements(jpeg()), None),
        (0, b"", None),
        (4, b"\xff\xff\xff\xff", None),
        (8, b"", None),
        (8, elements(b"abcd"), "100000"),
        (8, elements(b"abcd"), "-1"),
        (8, elements(b"abcd"), "9" * 5000),
        (8, elements(b"abcd"), "10"),
        (8, elements(b"abcd"), "x"),
        (8, elements(b"abcd"), ""),
    ],
)
def test_sizes_that_are_not_true_are_a_400(service, claimed, raw, length):
    parameters = {"binary_data_size": claimed}
    header = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]}]}
    header["inputs"][0]["parameters"] = parameters
    assert_refused(infer_binary(service, "caption", header, raw, length), 400)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"id": 3}'])
def test_a_header_that_is_none_is_a_400(service, content):
    assert_refused(service.http.post("/v2/models/caption/infer", content=content), 400)


def test_not_a_number_is_a_400(service):
    for literal in ("NaN", "Infinity", "1e999"):
        content = json.dumps({"inputs": [VALUES]}).replace("0.5", literal, 1)
        assert_refused(service.http.post("/v2/models/classifier/infer", content=content), 400)
    raw = np.full(48, np.nan, "<f4").tobytes()
    header = {"inputs": [described("pixel_values", "FP32", [1, 3, 4, 4], raw)]}
    assert_refused(infer_binary(service, "classifier", header, raw), 400)
