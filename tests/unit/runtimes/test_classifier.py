"""What the classifier is loaded from, and its classes' names; what it makes: tests/integration."""

import pytest

from serve_app.model_config import ClassifierModel
from serve_app.runtimes.classifier import unique_names
from tests.unit.runtimes.loading import Stop


def test_every_part_is_loaded_at_its_revision(asked):
    from serve_app.runtimes.classifier import ClassifierRuntime

    with pytest.raises(Stop):
        ClassifierRuntime(ClassifierModel(path="hub/a", revision="v1"))
    assert asked == [
        (name, "hub/a", "v1") for name in ("AutoImageProcessor", "ViTForImageClassification")
    ]


def test_classes_of_one_name_are_told_apart():
    assert unique_names({1: "crane", 0: "hen", 2: "crane"}) == ("hen", "crane (1)", "crane (2)")
