"""The names of a classifier's classes; what it makes of images: tests/integration."""

from serve_app.runtimes.classifier import unique_names


def test_classes_of_one_name_are_told_apart():
    assert unique_names({1: "crane", 0: "hen", 2: "crane"}) == ("hen", "crane (1)", "crane (2)")
