"""The served demo through Triton's own client."""

import base64
import io
import time

import numpy as np
import pytest
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
