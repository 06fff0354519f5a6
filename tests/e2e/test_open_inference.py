"""The served demo through Triton's own client."""

import base64
import io
import queue
import time

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
from PIL import Image
from tritonclient.utils import InferenceServerException

from tests.images import PROMPT, encoded, sketch

PICTURE = encoded(sketch(96, 64))


@pytest.fixture(scope="module")
def client(service):
    address = service.url.removeprefix("http://")
    with triton.InferenceServerClient(address, network_timeout=120) as client:
        yield client


@pytest.fixture(params=[True, False], ids=["binary", "json"])
def ask(request, client):
    """Infer, with everything in binary data or everything in JSON."""

    def infer(model, output, **values):
        inputs = []
        for name, value in values.items():
            if name == "image" and not request.param:
                value = [base64.b64encode(each).decode() for each in value]
            kind = {"seed": np.int64, "num_inference_steps": np.int32, "scale": np.int32}
            array = np.asarray(value, None if name == "pixel_values" else kind.get(name, object))
            datatype = {np.float32: "FP32", np.int64: "INT64", np.int32: "INT32"}
            tensor = triton.InferInput(name, array.shape, datatype.get(array.dtype.type, "BYTES"))
            inputs.append(tensor.set_data_from_numpy(array, binary_data=request.param))
        wanted = [triton.InferRequestedOutput(output, binary_data=request.param)]
        return client.infer(model, inputs, outputs=wanted, request_id="mine").as_numpy(output)

    return infer


def image_of(result: np.ndarray) -> Image.Image:
    assert result.shape == (1,)
    data = result[0] if isinstance(result[0], bytes) else base64.b64decode(result[0])
    return Image.open(io.BytesIO(data))


def text_of(element) -> str:
    return element.decode() if isinstance(element, bytes) else element


def test_the_server_describes_itself(client):
    assert client.is_server_live() and client.is_server_ready()
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    for model in (
        "text_to_image", "controlnet", "upscale", "caption", "preprocess", "classifier", "ensemble",
    ):  # fmt: skip
        assert client.is_model_ready(model) and client.is_model_ready(model, "1")
        metadata = client.get_model_metadata(model)
        assert metadata["name"] == model and metadata["inputs"] and metadata["outputs"]
    shape = client.get_model_metadata("preprocess")["outputs"][0]["shape"]
    assert shape == [-1, 3, 64, 64]


def test_images_are_made_and_repeat_with_their_seed(ask):
    first = image_of(ask("text_to_image", "result", prompt=[PROMPT], seed=[4]))
    again = image_of(ask("text_to_image", "result", prompt=[PROMPT], seed=[4]))
    assert first.mode == "RGB" and first.size == (128, 128)
    difference = np.asarray(first).astype(int) - np.asarray(again)
    assert np.abs(difference).max() <= 2
    short = ask("text_to_image", "result", prompt=[PROMPT], num_inference_steps=[2])
    assert image_of(short).size == (128, 128)
    conditioned = image_of(ask("controlnet", "result", prompt=[PROMPT], image=[PICTURE], seed=[4]))
    assert conditioned.width > conditioned.height


def test_images_are_enlarged(ask):
    assert image_of(ask("upscale", "result", image=[PICTURE])).size == (384, 256)
    assert image_of(ask("upscale", "result", image=[PICTURE], scale=[2])).size == (192, 128)


@pytest.mark.parametrize("count", [1, 8])
def test_a_batch_is_captioned(ask, count, service):
    captions = ask("caption", "caption", image=[PICTURE] * count)
    assert captions.shape == (count,)
    alone = service.post("/caption", data=PICTURE).text
    assert {text_of(caption) for caption in captions} == {alone}


@pytest.mark.parametrize("count", [1, 8])
def test_the_ensemble_is_its_two_models_one_after_the_other(ask, count, service):
    images = [encoded(sketch(60 + index, 50)) for index in range(count)]
    before = len(service.log_text())
    pixel_values = ask("preprocess", "pixel_values", image=images)
    assert pixel_values.shape == (count, 3, 64, 64) and pixel_values.dtype == np.float32
    apart = ask("classifier", "probabilities", pixel_values=pixel_values)
    probabilities = ask("ensemble", "probabilities", image=images)
    assert probabilities.shape == apart.shape == (count, 17)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-4)
    assert np.allclose(probabilities, apart, atol=1e-4)
    answer = service.post("/v1/classify", data=images[0]).json()
    assert np.allclose(list(answer["probabilities"].values()), probabilities[0], atol=1e-4)
    assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
    deadline = time.monotonic() + 10  # log lines of a replica arrive late
    while count > 1 and max([0, *service.batch_sizes("classify", before)]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_without_wanted_outputs_all_come_in_binary(client):
    image = triton.InferInput("image", [1], "BYTES")
    image.set_data_from_numpy(np.array([PICTURE], object))
    result = client.infer("ensemble", [image], model_version="1")
    assert result.get_output("probabilities")["parameters"]["binary_data_size"] == 17 * 4
    assert result.as_numpy("probabilities").shape == (1, 17)


def test_what_is_wrong_is_told_in_the_protocols_words(client):
    values = triton.InferInput("pixel_values", [1, 3, 32, 32], "FP32")
    values.set_data_from_numpy(np.zeros((1, 3, 32, 32), np.float32))
    broken = triton.InferInput("image", [2], "BYTES")
    broken.set_data_from_numpy(np.array([PICTURE, PICTURE[:100]], object))
    huge = triton.InferInput("pixel_values", [1, 3, 64, 64], "FP32")
    huge.set_data_from_numpy(np.full((1, 3, 64, 64), 1e38, np.float32))
    for model, inputs, status in (
        ("resnet", [values], "404"),
        ("classifier", [values], "400"),
        ("classifier", [huge], "400"),
        ("classifier", [], "400"),
        ("caption", [broken], "400"),
    ):
        with pytest.raises(InferenceServerException) as refused:
            client.infer(model, inputs)
        assert refused.value.status() == status, (model, refused.value)
        assert refused.value.message()
    assert not client.is_model_ready("resnet")
    assert not client.is_model_ready("caption", "2")


@pytest.fixture(scope="module")
def grpc_client(service):
    with triton_grpc.InferenceServerClient(service.grpc_address) as client:
        yield client


def tensor_of(module, name, values, datatype):
    kind = {"BYTES": object, "INT64": np.int64, "INT32": np.int32, "FP32": np.float32}
    array = np.asarray(values, kind[datatype])
    tensor = module.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    return tensor


@pytest.mark.parametrize("module", [triton, triton_grpc], ids=["http", "grpc"])
def test_what_perf_analyzer_asks_in_its_order(module, client, grpc_client):
    """Metadata, configuration, the server's extensions, statistics, inferences, statistics."""
    asked = grpc_client if module is triton_grpc else client
    json = {"as_json": True} if module is triton_grpc else {}
    for model, inputs in (
        ("text_to_image", [tensor_of(module, "prompt", [PROMPT], "BYTES")]),
        ("caption", [tensor_of(module, "image", [PICTURE] * 4, "BYTES")]),
        ("classifier", [tensor_of(module, "pixel_values", np.zeros((2, 3, 64, 64)), "FP32")]),
    ):
        metadata = asked.get_model_metadata(model, "1", **json)
        config = asked.get_model_config(model, "1", **json)
        config = config.get("config", config)
        assert config["name"] == metadata["name"] == model
        assert int(config.get("max_batch_size", 0)) == (32 if model == "classifier" else 0)
        assert {each["name"] for each in config["input"]} == {
            each["name"] for each in metadata["inputs"]
        }
        assert "statistics" in asked.get_server_metadata(**json)["extensions"]

        def statistics(model=model):
            (found,) = asked.get_inference_statistics(model, "1", **json)["model_stats"]
            return found

        before = statistics()
        for _ in range(2):
            asked.infer(model, inputs, request_id="mine")
        after = statistics()
        assert after["last_inference"] > before.get("last_inference", 0)
        more = int(after["inference_count"]) - int(before.get("inference_count", 0))
        assert more == 2 * inputs[0].shape()[0]
        executions = int(after["execution_count"]) - int(before.get("execution_count", 0))
        assert 1 <= executions <= more
        assert sum(int(each["compute_infer"]["count"]) for each in after["batch_stats"]) >= 1
        success = int(after["inference_stats"]["success"]["ns"])
        parts = ("queue", "compute_input", "compute_infer", "compute_output")
        spent = [int(after["inference_stats"][part].get("ns", 0)) for part in parts]
        assert spent[2] > 0 and sum(spent) <= success


def test_grpc_and_http_share_models_and_answers(client, grpc_client):
    assert grpc_client.is_server_live() and grpc_client.is_server_ready()
    index = grpc_client.get_model_repository_index(as_json=True)["models"]
    assert [each["name"] for each in index] == [
        each["name"] for each in client.get_model_repository_index()
    ]
    for each in index:
        assert each["state"] == "READY" and grpc_client.is_model_ready(each["name"], "1")
    answers = []
    for module, asked in ((triton, client), (triton_grpc, grpc_client)):
        inputs = [
            tensor_of(module, "prompt", [PROMPT], "BYTES"),
            tensor_of(module, "seed", [4], "INT64"),
        ]
        result = asked.infer("text_to_image", inputs, priority=1, timeout=100_000_000)
        answers.append(np.asarray(image_of(result.as_numpy("result"))).astype(int))
    assert np.abs(answers[0] - answers[1]).max() <= 2


def test_a_stream_answers_in_order_with_previews_where_they_are_asked_for(grpc_client):
    arrived = queue.Queue()
    grpc_client.start_stream(lambda result, error: arrived.put((result, error)))
    prompt = tensor_of(triton_grpc, "prompt", [PROMPT], "BYTES")
    broken = tensor_of(triton_grpc, "image", [PICTURE[:100]], "BYTES")
    image = tensor_of(triton_grpc, "image", [PICTURE], "BYTES")
    grpc_client.async_stream_infer(
        "text_to_image", [prompt], request_id="1", parameters={"partial_images": 2}
    )
    grpc_client.async_stream_infer("caption", [broken], request_id="2")
    grpc_client.async_stream_infer("caption", [image], request_id="3")
    answers = [arrived.get(timeout=60) for _ in range(5)]
    grpc_client.stop_stream()
    images = [result.get_response() for result, error in answers[:3]]
    assert [answer.id for answer in images] == ["1"] * 3
    finals = [answer.parameters["triton_final_response"].bool_param for answer in images]
    assert finals == [False, False, True]
    for result, _ in answers[:3]:
        assert image_of(result.as_numpy("result")).size == (128, 128)
    assert answers[3][0] is None and "image" in str(answers[3][1])
    assert answers[4][0].get_response().id == "3"
    assert arrived.empty()


def test_refusals_over_grpc_have_its_statuses(grpc_client):
    values = tensor_of(triton_grpc, "pixel_values", np.zeros((1, 3, 32, 32)), "FP32")
    prompt = tensor_of(triton_grpc, "prompt", [PROMPT], "BYTES")
    for model, inputs, options, status in (
        ("resnet", [values], {}, "NOT_FOUND"),
        ("classifier", [values], {}, "INVALID_ARGUMENT"),
        ("text_to_image", [prompt], {"sequence_id": 3, "sequence_start": True}, "INVALID_ARGUMENT"),
        ("text_to_image", [prompt], {"timeout": 1}, "DEADLINE_EXCEEDED"),
    ):
        with pytest.raises(InferenceServerException) as refused:
            grpc_client.infer(model, inputs, **options)
        assert refused.value.status() == f"StatusCode.{status}", (model, refused.value)
        assert refused.value.message()
    with pytest.raises(InferenceServerException) as refused:
        grpc_client.load_model("caption")
    assert refused.value.status() == "StatusCode.UNIMPLEMENTED"


def test_compression_is_refused_by_http_and_undone_by_rays_grpc_proxy(client, grpc_client):
    image = tensor_of(triton, "image", [PICTURE], "BYTES")
    with pytest.raises(InferenceServerException, match="compressed") as refused:
        client.infer("caption", [image], request_compression_algorithm="gzip")
    assert refused.value.status() == "415"
    image = tensor_of(triton_grpc, "image", [PICTURE], "BYTES")
    answer = grpc_client.infer("caption", [image], compression_algorithm="gzip")
    assert answer.as_numpy("caption").shape == (1,)
