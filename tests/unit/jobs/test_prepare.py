"""What a first start takes long for, done before it."""

import pytest
import yaml

from serve_app.jobs import prepare
from serve_app.model_config import PROJECT_ROOT

RUNTIMES = ("GeneratorRuntime", "UpscalerRuntime", "CaptionerRuntime", "ClassifierRuntime")


@pytest.fixture
def loaded(monkeypatch):
    found = []
    for name in RUNTIMES:
        monkeypatch.setattr(prepare, name, lambda model, name=name: found.append((name, model)))
    return found


def test_every_model_of_the_file_is_loaded_as_the_file_has_it(loaded, tmp_path):
    content = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    content["applications"][0]["args"]["models"]["captioner"]["backend"] = "onnxruntime"
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    assert prepare.main([str(path)]) == 0
    models = dict(loaded)
    assert tuple(models) == RUNTIMES
    assert models["CaptionerRuntime"].backend == "onnxruntime"
    assert models["GeneratorRuntime"].backend == "openvino-bfloat16"


def test_left_out_it_is_the_services_own_file(loaded):
    assert prepare.main([]) == 0
    assert len(loaded) == len(RUNTIMES)
