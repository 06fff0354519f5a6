"""Answers that are no numbers, and what is published. With networks and Ray: tests/e2e."""

from types import SimpleNamespace

import numpy as np
import pytest

from serve_app.config import Limits
from serve_app.deployments.classifier import Classifier
from serve_app.errors import InvalidRequest, StageFailed
from serve_app.messages import ClassResult, PreprocessResult
from tests.fakes import LABELS, report
from tests.images import encoded, sketch


@pytest.fixture
def classifier():
    """One without a network, that answers `probabilities`."""
    made = object.__new__(Classifier.func_or_class)
    made.probabilities = [0.75, 0.25]

    async def batched(pixel_values):
        return np.array(made.probabilities, np.float32), report("classify")

    made._batched, made._limits = batched, Limits()
    made._runtime = SimpleNamespace(
        input_shape=(3, 8, 8), labels=LABELS, preprocess=lambda pixels: np.zeros((1, 3, 8, 8))
    )
    return made


IMAGE = encoded(sketch(8, 8))
VALUES = np.zeros((3, 8, 8), np.float32)


async def test_an_image_is_classified(classifier):
    assert isinstance(await classifier(IMAGE), ClassResult)
    assert isinstance(await classifier.classify(VALUES), ClassResult)


async def test_what_is_no_number_is_the_fault_of_whoever_made_its_input(classifier, caplog):
    classifier.probabilities = [float("nan"), 0.5]
    assert isinstance(await classifier.classify(VALUES), InvalidRequest)
    assert not caplog.records
    assert isinstance(await classifier(IMAGE), StageFailed)
    assert "not a number stage=classify" in caplog.text


async def test_preprocessing_alone_is_counted(classifier, published):
    assert isinstance(await classifier.preprocess(IMAGE), PreprocessResult)
    assert len(published.of("image_stage_seconds")["preprocess"]) == 1
