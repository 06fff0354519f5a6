"""The Open Inference Protocol over a pipeline of fakes: bodies, statuses, what the stages get."""

import json
import struct

import numpy as np
import pytest

from tests.images import from_base64, in_base64, jpeg
from tests.service import Service

LENGTH = "Inference-Header-Content-Length"
MODELS = [
    "text_to_image",
    "controlnet",
    "upscale",
    "caption",
    "preprocess",
    "classifier",
    "ensemble",
]


@pytest.fixture
def service():
    return Service()


def tensor(name, datatype, data, shape=None, **parameters):
    described = {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}
    return described | ({"parameters": parameters} if parameters else {})


def infer(service, model, *inputs, **fields):
    body = {"inputs": list(inputs)} | fields
    return service.http.post(f"/v2/models/{model}/infer", json=body)


def infer_binary(service, model, header, raw, length=None):
    text = json.dumps(header).encode()
    headers = {LENGTH: str(len(text)) if length is None else length}
    return service.http.post(f"/v2/models/{model}/infer", content=text + raw, headers=headers)


def elements(*data: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(each)) + each for each in data)


def described(name, datatype, shape, raw: bytes) -> dict:
    parameters = {"binary_data_size": len(raw)}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}


def assert_refused(response, status):
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    message = response.json()["error"]
    assert isinstance(message, str) and message and "Traceback" not in message


PROMPT = tensor("prompt", "BYTES", ["a red circle"])
IMAGE = tensor("image", "BYTES", [in_base64(jpeg())])
VALUES = tensor("pixel_values", "FP32", [0.5] * 48, [1, 3, 4, 4])


# what is served


def test_server_and_health(service):
    service.running["Classifier"] = 0
    get = service.http.get
    assert "binary_tensor_data" in get("/v2").json()["extensions"]
    assert get("/v2/health/live").status_code == 200
    assert_refused(get("/v2/health/ready"), 503)
    assert get("/v2/models/caption/ready").json() == {"name": "caption", "ready": True}
    assert get("/v2/models/controlnet/versions/1/ready").status_code == 200
    assert_refused(get("/v2/models/ensemble/ready"), 503)
    service.running["Classifier"] = 1
    service.now += 2
    assert get("/v2/health/ready").json() == {"ready": True}
    assert get("/v2/models/ensemble/ready").status_code == 200
    del service.running["Classifier"]
    service.now += 2
    assert_refused(get("/v2/models/ensemble/ready"), 503)


@pytest.mark.parametrize("model", MODELS)
def test_metadata_are_the_signature(service, model):
    metadata = service.http.get(f"/v2/models/{model}").json()
    assert metadata["name"] == model and metadata["versions"] == ["1"]
    assert service.http.get(f"/v2/models/{model}/versions/1").json() == metadata
    for side in ("inputs", "outputs"):
        assert all(set(each) == {"name", "datatype", "shape"} for each in metadata[side])


def test_metadata_have_the_sizes_of_the_classifier(service):
    metadata = service.http.get("/v2/models/classifier").json()
    shapes = {each["name"]: each["shape"] for each in metadata["inputs"] + metadata["outputs"]}
    assert shapes == {"pixel_values": [-1, 3, 4, 4], "probabilities": [-1, 2]}


@pytest.mark.parametrize(
    "path", ["/v2/models/none", "/v2/models/none/ready", "/v2/models/caption/versions/2", "/v2/x"]
)
def test_what_is_not_there_is_a_404(service, path):
    assert_refused(service.http.get(path), 404)
    assert_refused(service.http.post("/v2/models/none/infer", json={"inputs": []}), 404)


# every model, in JSON


@pytest.mark.parametrize(
    ("model", "inputs", "output", "datatype", "shape"),
    [
        ("text_to_image", [PROMPT], "result", "BYTES", [1]),
        ("controlnet", [PROMPT, IMAGE], "result", "BYTES", [1]),
        ("upscale", [IMAGE], "result", "BYTES", [1]),
        ("caption", [IMAGE], "caption", "BYTES", [1]),
        ("preprocess", [IMAGE], "pixel_values", "FP32", [1, 3, 4, 4]),
        ("classifier", [VALUES], "probabilities", "FP32", [1, 2]),
        ("ensemble", [IMAGE], "probabilities", "FP32", [1, 2]),
    ],
)
def test_every_model_answers_in_its_signature(service, model, inputs, output, datatype, shape):
    response = infer(service, model, *inputs, id="mine")
    assert response.status_code == 200, response.text
    assert LENGTH not in response.headers
    assert "server-timing" in response.headers
    body = response.json()
    assert (body["model_name"], body["model_version"], body["id"]) == (model, "1", "mine")
    (answer,) = body["outputs"]
    assert (answer["name"], answer["datatype"], answer["shape"]) == (output, datatype, shape)
    if output == "result":
        assert answer["parameters"] == {"content_type": "base64"}
        assert from_base64(answer["data"][0]).mode == "RGB"
    if output == "caption":
        assert answer["data"] == ["a red circle"]
    if output == "probabilities":
        assert answer["data"] == [0.75, 0.25]


def test_optional_inputs_reach_the_stages_and_defaults_fill_in(service):
    infer(service, "text_to_image", PROMPT)
    assert service.request.num_inference_steps == service.args.defaults.num_inference_steps
    steps = tensor("num_inference_steps", "INT32", [7])
    infer(service, "text_to_image", PROMPT, tensor("seed", "INT64", [-3]), steps)
    assert (service.request.seed, service.request.num_inference_steps) == (2**63 - 3, 7)
    infer(service, "controlnet", PROMPT, IMAGE, tensor("seed", "INT64", [5]))
    assert service.request.seed == 5
    assert service.control.image == jpeg()
    infer(service, "upscale", IMAGE)
    infer(service, "upscale", IMAGE, tensor("scale", "INT32", [4]))
    assert [scale for _, scale in service.handles["upscaler"].calls] == [4, 4]


# binary data


def test_binary_data_in_and_out(service):
    prompt, image, seed = elements(b"a circle"), elements(jpeg()), struct.pack("<q", 9)
    header = {
        "inputs": [
            described("prompt", "BYTES", [1], prompt),
            described("image", "BYTES", [1], image),
            described("seed", "INT64", [1], seed),
        ],
        "parameters": {"binary_data_output": True},
    }
    response = infer_binary(service, "controlnet", header, prompt + image + seed)
    assert response.status_code == 200, response.text
    end = int(response.headers[LENGTH])
    (output,) = json.loads(response.content[:end])["outputs"]
    raw = response.content[end:]
    assert output["parameters"]["binary_data_size"] == len(raw)
    assert struct.unpack_from("<I", raw) == (len(raw) - 4,)
    assert raw[4:].startswith(b"\x89PNG")
    assert service.request.prompt == "a circle" and service.request.seed == 9


def test_an_output_says_for_itself_whether_it_is_binary(service):
    for own, overall, binary in ((True, False, True), (False, True, False), (None, True, True)):
        output = {"name": "probabilities"}
        if own is not None:
            output["parameters"] = {"binary_data": own}
        parameters = {"binary_data_output": overall}
        response = infer(service, "ensemble", IMAGE, outputs=[output], parameters=parameters)
        assert (LENGTH in response.headers) == binary
        if binary:
            values = np.frombuffer(response.content[int(response.headers[LENGTH]) :], "<f4")
            assert values.tolist() == [0.75, 0.25]


def test_the_items_of_a_batch_reach_the_stage_apart(service):
    raw = elements(*[jpeg()] * 8)
    response = infer_binary(
        service, "caption", {"inputs": [described("image", "BYTES", [8], raw)]}, raw
    )
    assert response.json()["outputs"][0]["shape"] == [8]
    assert len(service.handles["captioner"].calls) == 8
    values = np.arange(96, dtype="<f4")
    header = {"inputs": [described("pixel_values", "FP32", [2, 3, 4, 4], values.tobytes())]}
    response = infer_binary(service, "classifier", header, values.tobytes())
    assert response.json()["outputs"][0]["data"] == [0.75, 0.25] * 2
    sent = [item for (item,) in service.handles["classifier"].classify.calls]
    assert np.array_equal(np.stack(sent), values.reshape(2, 3, 4, 4))


# what clients send wrong


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


def test_a_prompt_that_is_not_utf8_is_a_400(service):
    raw = elements(b"\xff\xfe")
    header = {"inputs": [described("prompt", "BYTES", [1], raw)]}
    assert_refused(infer_binary(service, "text_to_image", header, raw), 400)
    content = json.dumps({"inputs": [tensor("prompt", "BYTES", ["\ud800"])]})
    assert_refused(service.http.post("/v2/models/text_to_image/infer", content=content), 400)


def test_other_errors_have_the_contracts_statuses_in_the_protocols_shape():
    service = Service(max_pending_images=2, max_body_bytes=200_000)
    assert_refused(infer(service, "caption", tensor("image", "BYTES", ["bm8="])), 415)
    response = infer(service, "caption", tensor("image", "BYTES", [in_base64(jpeg())] * 3))
    assert_refused(response, 429)
    assert int(response.headers["retry-after"]) >= 1
    big = {"content": b"x" * 200_001}
    assert_refused(service.http.post("/v2/models/caption/infer", **big), 413)
    assert_refused(service.http.put("/v2/models/caption"), 405)
    gzipped = {"content": b"x", "headers": {"content-encoding": "gzip"}}
    assert_refused(service.http.post("/v2/models/caption/infer", **gzipped), 415)
    service.handles["captioner"].answer = lambda picture: "not a result"
    assert_refused(infer(service, "caption", IMAGE), 500)
    assert set(service.http.get("/v2x").json()["error"]) == {"message", "type", "param", "code"}
