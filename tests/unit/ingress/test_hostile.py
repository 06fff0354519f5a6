"""Requests that cost far more than they weigh, or that nobody should send: refused, cheaply."""

import contextlib
import json
import time
import tracemalloc

import pytest

from serve_app.errors import InvalidField, InvalidRequest
from serve_app.ingress.checks import from_base64
from serve_app.ingress.json_body import check_values, read_json
from serve_app.ingress.multipart import MAX_PARTS, read_form
from serve_app.ingress.open_inference.body import read_request
from serve_app.ingress.open_inference.tensors import TensorSpec
from tests.images import encoded, in_base64, jpeg, sketch
from tests.unit.ingress.test_api import GENERATIONS, Service, assert_refused

FLOATS = TensorSpec("pixel_values", "FP32", (-1, -1))
JSON = {"content-type": "application/json"}
HUGE = "1" + "0" * 400
LONGER = "9" * 5000  # more digits than Python reads


@pytest.fixture(scope="module")
def service():
    return Service()


def send(service, content, path=GENERATIONS, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.http.post(path, content=content, headers=JSON | headers)


# JSON


@pytest.mark.parametrize("field", ["deadline_ms", "n", "seed", "priority", "num_inference_steps"])
@pytest.mark.parametrize("number", [HUGE, f"-{HUGE}", LONGER])
def test_a_huge_integer_is_refused(service, field, number):
    response = send(service, f'{{"prompt": "x", "{field}": {number}}}')
    assert response.status_code in (400, 422)
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("number", [HUGE, "1e999", "NaN", "-Infinity"])
def test_a_huge_number_is_refused(service, number):
    response = send(service, f'{{"prompt": "x", "guidance_scale": {number}}}')
    assert_refused(response, 422, "invalid_field", "guidance_scale")


def test_a_huge_request_id_comes_back(service):
    body = {"text": "", "input_image_base64": in_base64(jpeg()), "random_seed": 10**400}
    response = service.http.post("/generation", json=body | {"request_id": 10**400})
    assert response.status_code == 200
    assert response.json()["request_id"] == 10**400


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 5000, b'{"a":' * 5000, b"[[]" + b",[]" * 9000 + b"]", b'{"prompt": "\xff"}',
        b"\xef\xbb\xbf{}", '{"prompt": "x"}'.encode("utf-16"), b"", b"\x00", b"null x",
        b'{"prompt": "x", "a": [1' + b",1" * 20_000 + b"]}", b'{"a": ' + LONGER.encode() + b"}",
    ],
)  # fmt: skip
def test_json_that_is_none_or_too_much_is_a_4xx_in_the_contracts_shape(service, content):
    response = send(service, content)
    assert response.status_code in (400, 422), response.text
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_the_refusal_says_how_many_values_a_request_may_hold(service):
    content = b'{"prompt": "x", "a": [1' + b",1" * 20_000 + b"]}"
    assert "10000 values" in assert_message(send(service, content))
    body = b'{"image": [1' + b",1" * 20_000 + b"]}"
    assert "10000 values" in assert_message(send(service, body, "/v1/captions"))


def assert_message(response):
    assert_refused(response, 400, "invalid_request")
    return response.json()["error"]["message"]


@pytest.mark.parametrize("unit", [b"[],", b"{},", b'"",', b'"ab",', b"1,", b"[1],", b'{"":0},'])
def test_what_unfolds_is_refused_before_it_is_parsed(unit):
    body = b"[" + unit * (8_000_000 // len(unit)) + b"0]"
    tracemalloc.start()
    began = time.process_time()
    try:
        for read in (read_json, lambda body: read_request(body, None, [FLOATS], [], 8)):
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
    request = read_request(json.dumps({"inputs": [tensor]}).encode(), None, [spec], [], 8)
    assert request.inputs["pixel_values"].shape == (2, 3, 384, 384)


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
            read_request(json.dumps(fields).encode(), None, [FLOATS], [], 8)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


# base64


@pytest.mark.parametrize("text", [" \n" * 2_000_000, "AA== " * 800_000, "é" * 100, "A", "=" * 99])
def test_base64_costs_little_however_it_is_spread(text):
    began = time.process_time()
    try:
        from_base64(text, "image")
    except InvalidField as error:
        assert error.param == "image"
    assert time.process_time() - began < 0.2


def test_blanks_anywhere_are_taken():
    assert from_base64("data:image/png;base64,aGVs\r\n bG8\t=\v\f", "image") == b"hello"


# multipart


def form(*parts, boundary=b"b", end=b"--\r\n"):
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + (
        b"--" + boundary + end
    )


def field(name, data=b"x", filename=None):
    file = b"" if filename is None else b'; filename="' + filename + b'"'
    return b'Content-Disposition: form-data; name="' + name + b'"' + file + b"\r\n\r\n" + data


TYPE = "multipart/form-data; boundary=b"


def test_a_form_is_read_as_it_is_written():
    data = b"\r\n--a\r\n--\r\n\x00\xff--b"
    parts = [
        field(b"image", data, b"a.png"),
        b"Content-Type: text/plain\r\ncontent-disposition: form-data; name=prompt\r\n\r\na\r\nb",
        field(b"empty", b""),
        field("größe".encode(), b"1", b""),
    ]
    parsed = read_form(form(*parts), TYPE)
    assert [(part.name, part.data, part.is_file) for part in parsed] == [
        ("image", data, True), ("prompt", b"a\r\nb", False), ("empty", b"", False),
        ("größe", b"1", True),
    ]  # fmt: skip
    assert read_form(b"preamble\r\n" + form(*parts, end=b"--epilogue"), TYPE) == parsed
    assert read_form(form(parts[0], boundary=b"x y'"), 'multipart/form-data; boundary="x y\'"')


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(field(b"a")), "multipart/form-data"),
        (form(field(b"a")), "multipart/form-data; boundary="),
        (form(field(b"a")), "multipart/form-data; boundary=" + "b" * 71),
        (form(field(b"a")), "multipart/form-data; boundary=c"),
        (form(field(b"a"), end=b""), TYPE),
        (form(field(b"a"), end=b"\r\n"), TYPE),
        (form(b"no header"), TYPE),
        (form(b"\r\n\r\nno name"), TYPE),
        (form(b"X: y\r\n\r\nno name"), TYPE),
        (form(b"Content-Disposition: form-data\r\n\r\nno name"), TYPE),
        (form(b"X: " + b"y" * 10_000 + b"\r\n" + field(b"a")), TYPE),
        (form(*[field(b"a")] * (MAX_PARTS + 1)), TYPE),
        (b"--b--", TYPE),
        (b"", TYPE),
        (b"--b", TYPE),
    ],
)
def test_a_malformed_form_is_a_400(service, body, content_type):
    with contextlib.suppress(InvalidRequest):
        assert read_form(body, content_type) == []
    for path in ("/v1/images/edits", "/v1/captions"):
        response = service.http.post(path, content=body, headers={"content-type": content_type})
        assert response.status_code in (400, 415, 422), response.text
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "body",
    [
        form(*[field(b"a")] * 80_000),
        form(b"X: y\r\n" * 600_000 + field(b"a")),
        form(field(b"a", b"\r" * 5_000_000)),
        form(field(b"a", b"\r\n-" * 1_500_000)),
        form(field(b"a" * 5_000_000)),
        b"--b" * 1_500_000,
    ],
)
def test_a_form_costs_little_however_it_is_cut(body):
    began = time.process_time()
    with contextlib.suppress(InvalidRequest):
        read_form(body, TYPE)
    assert time.process_time() - began < 0.1


def test_a_field_that_is_no_text_names_nothing_of_the_service(service):
    files = {"image": encoded(sketch(64, 32)), "prompt": (None, b"\xff\xfe")}
    assert_refused(service.http.post("/v1/images/edits", files=files), 400, "invalid_request")


# bodies and queries


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP"])
def test_compressed_bodies_are_a_415_unread(service, encoding):
    for path in (GENERATIONS, "/caption", "/v1/images/edits"):
        response = send(service, b"\x1f\x8b", path, content_encoding=encoding)
        assert_refused(response, 415, "unsupported_encoding")
    assert send(service, jpeg(), "/caption", content_encoding="identity").status_code == 200


@pytest.mark.parametrize("length", ["²", LONGER, "-1", "1e9", "+5", ""])
def test_a_length_that_is_none_does_no_harm(service, length):
    headers = {"content-length": length.encode("latin-1")}
    response = service.http.post("/caption", content=iter([b"x"]), headers=headers)
    assert response.status_code in (413, 415), response.text


def test_a_huge_query_is_a_400(service):
    response = service.http.post("/v1/canny?" + "a&" * 5_000, content=jpeg())
    assert_refused(response, 400, "invalid_request")
    assert service.http.post("/v1/canny?" + "a&" * 500, content=jpeg()).status_code == 200
