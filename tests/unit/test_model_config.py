"""The section of models: paths, hub ids, revisions."""

import pickle

from serve_app import model_config
from serve_app.model_config import (
    PROJECT_ROOT,
    CaptionerModel,
    GeneratorModel,
    Source,
    UpscalerModel,
)


def test_a_path_in_the_project_is_absolute_and_a_hub_id_is_left_alone():
    assert CaptionerModel(path="demo/weights").path == str(PROJECT_ROOT / "demo" / "weights")
    assert CaptionerModel(path="microsoft/git-base").path == "microsoft/git-base"


def test_a_path_in_the_project_is_found_in_that_of_the_node_that_reads_it(tmp_path, monkeypatch):
    model = CaptionerModel(path="demo/weights", verdicts="build/verdicts.json")
    assert model.model_dump()["path"] == "demo/weights"
    sent = pickle.dumps(model)
    assert pickle.loads(sent) == model
    (tmp_path / "demo" / "weights").mkdir(parents=True)
    monkeypatch.setattr(model_config, "PROJECT_ROOT", tmp_path)
    there = pickle.loads(sent)
    assert there.path == str(tmp_path / "demo" / "weights")
    assert there.verdicts == tmp_path / "build" / "verdicts.json"
    elsewhere = CaptionerModel(path="/models/captioner", verdicts="/models/verdicts.json")
    for each in (elsewhere, CaptionerModel(path="microsoft/git-base")):
        assert pickle.loads(pickle.dumps(each)) == each


def test_the_upscaler_offers_the_factors_that_have_a_model():
    model = UpscalerModel(x4="hub/a", x4_revision="v1")
    assert model.by_scale == {4: Source("hub/a", "v1")}
    assert UpscalerModel(x2="hub/b", x4="hub/a").sources == [Source("hub/b"), Source("hub/a")]


def test_a_generators_variant_is_its_controlnets_too():
    model = GeneratorModel(
        name="x", path="hub/a", controlnet="hub/b", controlnet_revision="v2", variant="fp16"
    )
    assert model.sources == [Source("hub/a", "main", "fp16"), Source("hub/b", "v2", "fp16")]
