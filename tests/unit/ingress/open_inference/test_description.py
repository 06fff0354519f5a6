"""Configurations, as Triton's own messages have them."""

import pytest
from google.protobuf.json_format import ParseDict
from tritonclient.grpc import model_config_pb2, service_pb2

from serve_app.ingress.open_inference import description
from serve_app.ingress.open_inference.models import build_models
from serve_app.messages import ClassifierCard
from tests import fakes
from tests.pipelines import pipeline_of

MODELS = build_models(pipeline_of()[0], fakes.app_args())


@pytest.mark.parametrize("name", MODELS)
def test_what_is_said_of_a_model_is_one_of_the_protocols_messages(name):
    config = description.config(name, MODELS[name], 32)
    message = ParseDict(config, model_config_pb2.ModelConfig())
    assert [each.name for each in message.input] == [spec.name for spec in MODELS[name].inputs]
    metadata = description.metadata(name, MODELS[name])
    assert ParseDict(metadata, service_pb2.ModelMetadataResponse()).name == name
    # perf_analyzer takes the batch's dimension off the metadata's shapes.
    for spec, configured in zip(metadata["inputs"], config["input"], strict=True):
        assert spec["shape"][config["max_batch_size"] > 0 :] == configured["dims"]


def test_a_batch_has_the_first_of_several_dimensions():
    sized = MODELS["classifier"].sized(ClassifierCard((3, 64, 64), ("a", "b")))
    config = description.config("classifier", sized, 32)
    assert config["max_batch_size"] == 32
    assert config["input"][0]["dims"] == [3, 64, 64]
    assert config["output"][0] == {
        "name": "probabilities", "data_type": "TYPE_FP32", "dims": [2],
    }  # fmt: skip
    caption = description.config("caption", MODELS["caption"], 32)
    assert (caption["max_batch_size"], caption["input"][0]["dims"]) == (0, [-1])


def test_generations_alone_have_priorities():
    with_priorities = {
        name for name in MODELS if "dynamic_batching" in description.config(name, MODELS[name], 32)
    }
    assert with_priorities == {"text_to_image", "controlnet"}


def test_optional_inputs_are_called_so():
    config = description.config("text_to_image", MODELS["text_to_image"], 32)
    optional = {each["name"]: each["optional"] for each in config["input"]}
    assert optional == {"prompt": False, "seed": True, "num_inference_steps": True}


def test_the_index_says_why_a_model_is_not_ready():
    assert description.index_entry("caption", None)["state"] == "READY"
    down = description.index_entry("caption", "starting: Captioner")
    assert (down["state"], down["reason"]) == ("UNAVAILABLE", "starting: Captioner")
