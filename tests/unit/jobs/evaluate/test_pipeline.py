"""A pipeline file is right, or refused in one line."""

import pytest
import yaml

from serve_app.jobs.evaluate import pipeline
from serve_app.jobs.folders.inputs import Unusable

WHOLE = {"task": "classify", "inputs": "inputs.csv", "output": "run"}


def written(tmp_path, told):
    path = tmp_path / "pipeline.yaml"
    path.write_text(told if isinstance(told, str) else yaml.safe_dump(told))
    return path


def test_what_is_left_out_has_a_default(tmp_path):
    found = pipeline.read(written(tmp_path, WHOLE))
    assert found.truth_column == "label" and found.gate == {} and found.predict.batch_size == 8
    captions = pipeline.read(written(tmp_path, WHOLE | {"task": "caption", "truth": "text"}))
    assert captions.truth_column == "text"
    pictures = pipeline.read(written(tmp_path, WHOLE | {"task": "generate"}))
    assert pictures.truth_column == "prompt" and pictures.image == "control"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"task": "paint"}, "task"),
        ({"metric": ["accuracy"]}, "metric"),
        ({"gate": {"accuracy": {}}}, "at_least"),
        ({"gate": {"accuracy": 0.9}}, "gate.accuracy"),
        ({"worst": -1}, "worst"),
        ({"classes": []}, "classes"),
        ({"images": {"steps": 4}}, "task classify has no 'images'"),
        ({"task": "generate", "classes": ["star"]}, "task generate has no 'classes'"),
        ({"task": "generate", "images": {"size": "big"}}, "images.size"),
    ],
)
def test_a_mistake_is_named(tmp_path, change, named):
    with pytest.raises(Unusable, match=named) as told:
        pipeline.read(written(tmp_path, WHOLE | change))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "\x00"])
def test_what_is_no_pipeline_is_refused(tmp_path, text):
    with pytest.raises(Unusable):
        pipeline.read(written(tmp_path, text))
    with pytest.raises(Unusable):
        pipeline.read(tmp_path / "none.yaml")
