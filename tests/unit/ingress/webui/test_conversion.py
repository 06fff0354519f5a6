import pytest

from serve_app.errors import ServiceError, UnknownModel
from serve_app.ingress.webui.conversion import check_model, generation
from serve_app.ingress.webui.schema import ImageToImage, TextToImage
from tests.fakes import app_args
from tests.webui import PICTURE, unit

ARGS = app_args()


def asked(**fields):
    return generation(TextToImage(**fields), ARGS)


def test_what_is_left_out_comes_from_the_configuration():
    request = asked().request
    assert (request.width, request.height, request.sampler) == (128, 64, "ddim")
    assert request.num_inference_steps == ARGS.defaults.num_inference_steps


def test_the_size_that_clients_send_is_made_at_the_models_own():
    made = asked(width=512, height=512)
    assert (made.request.width, made.request.height) == (88, 88)
    assert made.composition.resize == (512, 512) and made.composition.upscale == 4


def test_one_side_alone_and_sizes_between():
    request = asked(width=70).request
    assert (request.width, request.height) == (64, 64)


def test_everything_without_effect_is_named():
    made = asked(
        prompt="a <lora:style:0.8> star", scheduler="exponential", sampler_name="Euler",
        tiling=True, restore_faces=False, hr_scale=2, hr_upscaler="Latent",
        override_settings={"sd_vae": "other.pt", "CLIP_stop_at_last_layers": 1},
        alwayson_scripts={"ADetailer": {"args": [False]}, "Sag": {"args": [True, 0.75]}},
    )  # fmt: skip
    assert made.ignored == [
        "scheduler", "override_settings.sd_vae", "alwayson_scripts.Sag", "tiling",
        "<lora:style:0.8>",
    ]  # fmt: skip


def test_a_unit_of_the_controlnet_extension():
    made = generation(TextToImage(alwayson_scripts={"ControlNet": unit()["controlnet"]}), ARGS)
    assert made.composition.control.size == (made.request.width, made.request.height)
    image = ImageToImage(init_images=[PICTURE], alwayson_scripts=unit(image=None))
    made = generation(image, ARGS)
    assert made.composition.control.image == made.request.image


def test_hires_fix_enlarges_by_the_upscaler():
    made = asked(enable_hr=True, hr_scale=4, width=64, height=64, denoising_strength=0.5)
    assert (made.composition.upscale, made.composition.resize) == (4, None)
    assert made.ignored == ["denoising_strength"]


@pytest.mark.parametrize("title", ["demo", "demo.safetensors [0123abcd]", "demo.ckpt", None])
def test_titles_of_the_model(title):
    check_model(title, ARGS, "sd_model_checkpoint")


def test_another_model_is_refused():
    with pytest.raises(UnknownModel):
        check_model("v1-5-pruned", ARGS, "sd_model_checkpoint")


def test_errors_have_web_uis_names():
    with pytest.raises(ServiceError) as refused:
        asked(batch_size=6, n_iter=2)
    assert refused.value.param == "batch_size"
