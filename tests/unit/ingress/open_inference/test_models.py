"""The models' signatures and what stands behind them."""

import numpy as np
import pytest

from serve_app.errors import ImageTooLarge, InvalidRequest
from serve_app.ingress.open_inference.models import build_models
from serve_app.ingress.schema import MAX_SEED
from serve_app.messages import ClassifierCard
from tests import fakes
from tests.images import encoded, jpeg, sketch
from tests.pipelines import pipeline_of

PROMPT = {"prompt": [b"a red circle"]}


@pytest.fixture
def served():
    return pipeline_of()


@pytest.fixture
def models(served):
    return build_models(served[0], fakes.app_args())


@pytest.fixture
def handles(served):
    return served[1]


async def test_a_negative_seed_is_the_one_that_it_is_modulo_two_to_the_63(models, handles):
    await models["text_to_image"].infer(PROMPT | {"seed": np.array([-3])})
    assert handles["generator"].calls[0][0].seed == MAX_SEED + 1 - 3


async def test_edges_steer_the_controlnet_alone(models, handles):
    await models["controlnet"].infer(PROMPT | {"image": [jpeg()]})
    assert handles["canny"].calls[0][0].image == jpeg()
    assert set(models["controlnet"].deployments) == {"Canny", "Generator"}
    await models["text_to_image"].infer(PROMPT)
    assert len(handles["canny"].calls) == 1
    assert models["text_to_image"].deployments == ("Generator",)


async def test_the_largest_factor_is_the_usual_one(models, handles):
    outputs, timings = await models["upscale"].infer({"image": [encoded(sketch(32, 32))]})
    assert handles["upscaler"].calls[0][1] == 4
    assert outputs["result"][0].startswith(b"\x89PNG") and "upscale" in timings.seconds


async def test_a_batch_of_images_is_a_call_for_each(models):
    outputs, _ = await models["caption"].infer({"image": [jpeg()] * 3})
    assert outputs == {"caption": [b"a red circle"] * 3}
    outputs, _ = await models["ensemble"].infer({"image": [jpeg()] * 2})
    assert outputs["probabilities"].shape == (2, 2)
    outputs, _ = await models["preprocess"].infer({"image": [jpeg()]})
    assert outputs["pixel_values"].shape == (1, 3, 4, 4)


async def test_no_image_of_a_batch_gets_by_unchecked():
    pipeline, handles = pipeline_of()
    models = build_models(pipeline, fakes.app_args(max_image_pixels=32 * 32))
    small, large = encoded(sketch(32, 32)), encoded(sketch(33, 32))
    with pytest.raises(ImageTooLarge) as refused:
        await models["caption"].infer({"image": [small, large]})
    assert refused.value.param == "image" and not handles["captioner"].calls


async def test_values_are_checked_as_on_every_other_route(models):
    for steps in (0, 999):
        inputs = PROMPT | {"num_inference_steps": np.array([steps])}
        with pytest.raises(InvalidRequest, match="steps"):
            await models["text_to_image"].infer(inputs)


def test_a_signature_has_the_sizes_of_the_loaded_classifier(models):
    card = ClassifierCard((3, 224, 224), ("a", "b", "c"))
    sized = models["classifier"].sized(card)
    assert [spec.shape for spec in sized.inputs] == [(-1, 3, 224, 224)]
    assert [spec.shape for spec in sized.outputs] == [(-1, 3)]
    assert models["classifier"].inputs[0].shape == (-1, 3, -1, -1), "a copy"
    assert models["caption"].sized(card).inputs == models["caption"].inputs
