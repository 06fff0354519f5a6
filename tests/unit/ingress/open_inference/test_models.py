"""The models' signatures and what stands behind them."""

import numpy as np
import pytest

from serve_app.errors import ImageTooLarge, InvalidRequest
from serve_app.ingress.open_inference.models import build_models
from serve_app.ingress.schema import MAX_SEED
from serve_app.messages import ClassifierCard, Terms
from tests import fakes
from tests.images import encoded, jpeg, sketch
from tests.pipelines import pipeline_of


async def infer(model, inputs, **terms):
    """What it answers, previews and all."""
    return [outputs async for outputs in model.infer(inputs, Terms(**terms))]


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
    await infer(models["text_to_image"], PROMPT | {"seed": np.array([-3])})
    assert handles["generator"].calls[0][0].seed == MAX_SEED + 1 - 3


async def test_edges_steer_the_controlnet_alone(models, handles):
    await infer(models["controlnet"], PROMPT | {"image": [jpeg()]})
    assert handles["canny"].calls[0][0].image == jpeg()
    assert set(models["controlnet"].deployments) == {"Canny", "Generator"}
    await infer(models["text_to_image"], PROMPT)
    assert len(handles["canny"].calls) == 1
    assert models["text_to_image"].deployments == ("Generator",)


async def test_the_largest_factor_is_the_usual_one(models, handles):
    (outputs,) = await infer(models["upscale"], {"image": [encoded(sketch(32, 32))]})
    assert handles["upscaler"].calls[0][1] == 4
    assert outputs.values["result"][0].startswith(b"\x89PNG")
    assert "upscale" in outputs.timings.seconds


async def test_a_batch_of_images_is_a_call_for_each(models):
    (outputs,) = await infer(models["caption"], {"image": [jpeg()] * 3})
    assert outputs.values == {"caption": [b"a red circle"] * 3}
    (outputs,) = await infer(models["ensemble"], {"image": [jpeg()] * 2})
    assert outputs.values["probabilities"].shape == (2, 2)
    (outputs,) = await infer(models["preprocess"], {"image": [jpeg()]})
    assert outputs.values["pixel_values"].shape == (1, 3, 4, 4)


async def test_no_image_of_a_batch_gets_by_unchecked():
    pipeline, handles = pipeline_of()
    models = build_models(pipeline, fakes.app_args(max_image_pixels=32 * 32))
    small, large = encoded(sketch(32, 32)), encoded(sketch(33, 32))
    with pytest.raises(ImageTooLarge) as refused:
        await infer(models["caption"], {"image": [small, large]})
    assert refused.value.param == "image" and not handles["captioner"].calls


async def test_values_are_checked_as_on_every_other_route(models):
    for steps in (0, 999):
        inputs = PROMPT | {"num_inference_steps": np.array([steps])}
        with pytest.raises(InvalidRequest, match="steps"):
            await infer(models["text_to_image"], inputs)


def test_a_signature_has_the_sizes_of_the_loaded_classifier(models):
    card = ClassifierCard((3, 224, 224), ("a", "b", "c"))
    sized = models["classifier"].sized(card)
    assert [spec.shape for spec in sized.inputs] == [(-1, 3, 224, 224)]
    assert [spec.shape for spec in sized.outputs] == [(-1, 3)]
    assert models["classifier"].inputs[0].shape == (-1, 3, -1, -1), "a copy"
    assert models["caption"].sized(card).inputs == models["caption"].inputs


async def test_previews_come_first_where_the_terms_ask_for_them(models, handles):
    preview, outputs = await infer(models["text_to_image"], PROMPT, partial_images=1)
    assert (preview.preview, preview.reports) == (0, [])
    assert preview.values["result"][0].startswith(b"\x89PNG")
    assert outputs.preview is None and [r.stage for r in outputs.reports] == ["generate"]
    assert handles["generator"].calls[0][1].partial_images == 1


async def test_the_terms_reach_the_generator(models, handles):
    await infer(models["controlnet"], PROMPT | {"image": [jpeg()]}, priority=3)
    assert handles["generator"].calls[0][1].priority == 3
