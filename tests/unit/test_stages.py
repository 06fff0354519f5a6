"""The stages as the pipeline calls them."""

import numpy as np
import pytest

from serve_app.messages import Terms
from serve_app.stages import Stages
from tests import fakes
from tests.pipelines import CONTROL, REQUEST


@pytest.fixture
def handles():
    return fakes.handles()


@pytest.fixture
def stages(handles):
    return Stages(**handles)


async def test_a_stage_gets_the_response_of_the_one_before_and_not_its_pixels(stages, handles):
    edges = await stages.edges(CONTROL)
    made = await stages.generated(REQUEST, Terms(), edges)
    large = await stages.upscaled(made, 4)
    await stages.captioned(large)
    assert handles["generator"].calls == [(REQUEST, Terms(), handles["canny"].responses[0])]
    assert handles["upscaler"].calls == [(handles["generator"].responses[0], 4)]
    assert handles["captioner"].calls == [(handles["upscaler"].responses[0],)]


async def test_what_has_no_stage_before_it_is_sent_as_it_is(stages, handles):
    await stages.generated(REQUEST, Terms(), None)
    await stages.upscaled(b"an image", 2)
    assert handles["generator"].calls[0][2] is None
    assert handles["upscaler"].calls == [(b"an image", 2)]


async def test_a_stream_is_the_generators_own_method(stages, handles):
    events = [event async for event in stages.generating(REQUEST, Terms(), None)]
    assert [getattr(event, "step", None) for event in events] == [0, 1, 2, None]
    assert handles["generator"].calls == [(REQUEST, Terms(), None)]


async def test_the_classifiers_methods_are_calls_of_their_own(stages, handles):
    classifier = handles["classifier"]
    pixel_values = np.zeros((1, 3, 4, 4), np.float32)
    await stages.classified(b"an image")
    assert (await stages.preprocessed(b"another")).result.pixel_values.shape == (3, 4, 4)
    await stages.classified_preprocessed(pixel_values)
    card = (await stages.classifier_card()).result
    assert classifier.calls == [(b"an image",)]
    assert classifier.preprocess.calls == [(b"another",)]
    assert classifier.classify.calls[0][0] is pixel_values
    assert card.labels == fakes.LABELS
