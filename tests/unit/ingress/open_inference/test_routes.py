"""The Open Inference Protocol over a pipeline of fakes: bodies, statuses, what the stages get."""

import asyncio
import json
import struct
import time

import numpy as np
import pytest

from tests.images import from_base64, in_base64, jpeg
from tests.service import Service
from tests.unit.ingress.open_inference.asking import (
    IMAGE,
    LENGTH,
    PROMPT,
    VALUES,
    assert_refused,
    described,
    elements,
    infer,
    infer_binary,
    tensor,
)

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


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_names_its_extensions(service, path):
    extensions = service.http.get(path).json()["extensions"]
    assert {"statistics", "model_configuration", "model_repository"} <= set(extensions)


@pytest.mark.parametrize("model", MODELS)
def test_configuration_and_statistics_are_at_the_models_path_and_its_versions(service, model):
    for action, name in (("config", "name"), ("stats", "model_stats")):
        answer = service.http.get(f"/v2/models/{model}/{action}").json()
        assert name in answer
        assert service.http.get(f"/v2/models/{model}/versions/1/{action}").json() == answer
        assert_refused(service.http.get(f"/v2/models/{model}/versions/2/{action}"), 404)


def test_statistics_count_what_was_inferred(service):
    infer(service, "caption", tensor("image", "BYTES", [in_base64(jpeg())] * 4))
    infer(service, "caption", tensor("image", "BYTES", ["bm8="]))
    (caption,) = service.http.get("/v2/models/caption/stats").json()["model_stats"]
    assert (caption["inference_count"], caption["execution_count"]) == (4, 2)  # batches of 2
    assert caption["inference_stats"]["success"]["count"] == 1
    assert caption["inference_stats"]["fail"]["count"] == 1
    assert [each["batch_size"] for each in caption["batch_stats"]] == [2]
    everything = service.http.get("/v2/models/stats").json()["model_stats"]
    assert [each["name"] for each in everything] == MODELS
    assert caption in everything


def test_the_index_says_which_models_are_ready(service):
    service.running["Captioner"] = 0
    index = service.http.post("/v2/repository/index").json()
    assert [each["name"] for each in index] == MODELS
    caption = index[MODELS.index("caption")]
    assert (caption["version"], caption["state"]) == ("1", "UNAVAILABLE")
    assert "Captioner" in caption["reason"]
    ready = service.http.post("/v2/repository/index", json={"ready": True}).json()
    assert {each["state"] for each in ready} == {"READY"} and len(ready) == len(MODELS) - 1
    for wrong in (b"{", b"[]", b'{"ready": 3}'):
        assert_refused(service.http.post("/v2/repository/index", content=wrong), 400)


def test_timeout_and_priority_are_the_generations_deadline_and_priority(service):
    for priority, points in ((0, 0), (1, 10), (11, 0), (21, -10)):
        asked = {"priority": priority, "timeout": 30_000_000}
        assert infer(service, "text_to_image", PROMPT, parameters=asked).status_code == 200
        assert service.terms.priority == points
        assert 20 < service.terms.finish_by - time.time() < 30
    assert infer(service, "text_to_image", PROMPT, parameters={"timeout": 0}).status_code == 200
    assert service.terms.finish_by > time.time() + 60
    for wrong in ({"priority": 22}, {"timeout": -1}, {"timeout": "1"}):
        assert_refused(infer(service, "text_to_image", PROMPT, parameters=wrong), 400)


@pytest.mark.parametrize("model", ["caption", "preprocess", "ensemble", "upscale", "classifier"])
def test_a_timeout_holds_for_every_model(service, model):
    async def late(*args):
        await asyncio.sleep(10)

    service.handles["captioner"].answer = service.handles["upscaler"].answer = late
    classifier = service.handles["classifier"]
    classifier.answer = classifier.preprocess.answer = classifier.classify.answer = late
    sent = VALUES if model == "classifier" else IMAGE
    assert_refused(infer(service, model, sent, parameters={"timeout": 1000}), 504)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"sequence_id": 7}, "sequence"),
        ({"sequence_id": "a"}, "sequence"),
        ({"sequence_start": True}, "sequence"),
        ({"partial_images": 1}, "ModelStreamInfer"),
    ],
)
def test_what_is_not_offered_is_refused_by_its_name(service, parameters, word):
    refused = infer(service, "text_to_image", PROMPT, parameters=parameters)
    assert_refused(refused, 400)
    assert word in refused.json()["error"]


def test_tensors_in_shared_memory_are_refused(service):
    region = {"parameters": {"shared_memory_region": "a"}}
    for inputs, fields in (
        ([IMAGE | region], {}),
        ([IMAGE], {"outputs": [{"name": "caption"} | region]}),
    ):
        refused = infer(service, "caption", *inputs, **fields)
        assert_refused(refused, 400)
        assert "shared memory" in refused.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("GET", "/v2/systemsharedmemory/status", "shared memory"),
        ("POST", "/v2/cudasharedmemory/region/a/register", "shared memory"),
        ("POST", "/v2/repository/models/caption/load", "load"),
        ("GET", "/v2/models/caption/trace/setting", "tracing"),
        ("POST", "/v2/trace/setting", "tracing"),
        ("POST", "/v2/logging", "logging"),
    ],
)
def test_tritons_other_extensions_are_refused_with_a_reason(service, method, path, word):
    refused = service.http.request(method, path)
    assert_refused(refused, 400)
    assert word in refused.json()["error"]


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
