"""A hub id's revision reaches every call that reads from the hub."""

import diffusers
import pytest
import transformers

from serve_app.model_config import CaptionerModel, ClassifierModel, GeneratorModel, UpscalerModel


class Stop(Exception):
    pass


@pytest.fixture
def asked(monkeypatch):
    """What `from_pretrained` is asked for, by class; networks come last and end the loading."""
    seen = []

    def record(owner, name, ends):
        def from_pretrained(path, **options):
            seen.append((name, path, options.get("revision")))
            if ends:
                raise Stop

        monkeypatch.setattr(getattr(owner, name), "from_pretrained", from_pretrained)

    record(diffusers, "ControlNetModel", False)
    record(diffusers, "StableDiffusionControlNetPipeline", True)
    record(transformers, "AutoImageProcessor", False)
    record(transformers, "AutoTokenizer", False)
    record(transformers, "GitForCausalLM", True)
    record(transformers, "ViTForImageClassification", True)
    return seen


def test_the_generators_and_its_controlnets(asked):
    from serve_app.runtimes.generator import GeneratorRuntime

    model = GeneratorModel(
        name="x", path="hub/a", revision="v1", controlnet="hub/b", controlnet_revision="v2"
    )
    with pytest.raises(Stop):
        GeneratorRuntime(model)
    assert asked == [
        ("ControlNetModel", "hub/b", "v2"),
        ("StableDiffusionControlNetPipeline", "hub/a", "v1"),
    ]


def test_the_captioners(asked):
    from serve_app.runtimes.captioner import CaptionerRuntime

    with pytest.raises(Stop):
        CaptionerRuntime(CaptionerModel(path="hub/a", revision="v1"))
    assert asked == [
        (name, "hub/a", "v1") for name in ("AutoImageProcessor", "AutoTokenizer", "GitForCausalLM")
    ]


def test_the_classifiers(asked):
    from serve_app.runtimes.classifier import ClassifierRuntime

    with pytest.raises(Stop):
        ClassifierRuntime(ClassifierModel(path="hub/a", revision="v1"))
    assert asked == [
        (name, "hub/a", "v1") for name in ("AutoImageProcessor", "ViTForImageClassification")
    ]


def test_the_upscalers_one_for_each_factor(asked, monkeypatch):
    from serve_app.runtimes import upscaler

    class Network:
        def to(self, device):
            return self

        def eval(self):
            return self

    def from_pretrained(path, revision, **options):
        asked.append(("Swin2SR", path, revision))
        return Network()

    def judged(kind, model, sources, placed):
        asked.append(sources)
        raise Stop

    monkeypatch.setattr(
        transformers.Swin2SRForImageSuperResolution, "from_pretrained", from_pretrained
    )
    monkeypatch.setattr(upscaler, "Enlargement", lambda network: network)
    monkeypatch.setattr(upscaler, "require_passed", judged)
    model = UpscalerModel(x2="hub/a", x2_revision="v1", x4="hub/b")
    with pytest.raises(Stop):
        upscaler.UpscalerRuntime(model)
    assert asked == [
        ("Swin2SR", "hub/a", "v1"), ("AutoImageProcessor", "hub/a", "v1"),
        ("Swin2SR", "hub/b", "main"), ("AutoImageProcessor", "hub/b", "main"),
        model.sources,
    ]  # fmt: skip
