"""Checkpoints as people have them to folders that the service's own runtimes load."""

import json
import shutil
from argparse import Namespace

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from serve_app.jobs.convert import checkpoint, single_file, timm_reference, timm_vit
from serve_app.jobs.convert.__main__ import main
from serve_app.model_config import PROJECT_ROOT, ClassifierModel, GeneratorModel
from serve_app.runtimes.classifier import ClassifierRuntime
from tests import a1111
from tests.images import sketch

PICTURES = [str(PROJECT_ROOT / "docs" / name) for name in ("sketch.jpg", "studio.png")]


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """A folder of Stable Diffusion 1.x's blocks, tiny, with random weights."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(
        PROJECT_ROOT / "demo" / "weights" / "generator" / "tokenizer"
    )
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(32, 64), norm_num_groups=8, cross_attention_dim=32,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32), norm_num_groups=8, layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("generator")
    schedule = PNDMScheduler(skip_prk_steps=True, steps_offset=1)
    StableDiffusionPipeline(
        vae, CLIPTextModel(text), tokenizer, unet, schedule,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture
def single(generator, tmp_path):
    """The same in one file."""
    weights = a1111.single_file(generator)
    weights["model_ema.decay"] = torch.ones(())
    save_file(weights, tmp_path / "single.safetensors")
    return tmp_path / "single.safetensors"


@pytest.fixture
def like(generator, tmp_path):
    """What is taken from another folder: all but the weights."""
    ignored = shutil.ignore_patterns("*.safetensors")
    return shutil.copytree(generator, tmp_path / "like", ignore=ignored)


def test_a_single_file_becomes_the_folder_that_it_was_made_of(
    generator, single, like, tmp_path, capsys
):
    out = tmp_path / "out"
    assert main(["single-file", str(single), str(out), "--like", str(like)]) == 0
    assert "difference of a picture in 0 to 1: 0\n" in capsys.readouterr().out
    files = sorted(path.relative_to(generator) for path in generator.rglob("*.safetensors"))
    assert len(files) == 3
    for file in files:
        expected, found = load_file(generator / file), load_file(out / file)
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected), file
    pictures = [
        single_file._picture(StableDiffusionPipeline.from_pretrained(each))
        for each in (generator, out)
    ]
    assert np.ptp(pictures[0]) > 0.1
    assert np.abs(pictures[0] - pictures[1]).max() <= 1 / 255


def changed(single, change):
    weights = load_file(single)
    change(weights)
    save_file(weights, single)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("model.diffusion_model.out.2.weight"), "lacks weights"),
        (
            lambda weights: [weights.pop(name) for name in [*weights] if "first_stage" in name],
            "no vae",
        ),
    ],
)
def test_a_single_file_that_lacks_weights_is_refused(change, said, single, like, tmp_path, capsys):
    changed(single, change)
    assert main(["single-file", str(single), str(tmp_path / "out"), "--like", str(like)]) == 1
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["like", "single.safetensors"]


def test_a_text_encoder_that_the_file_lacks_in_part_is_refused(single, like, tmp_path, capsys):
    prefix = "cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc1"
    changed(single, lambda weights: weights.pop(f"{prefix}.weight"))
    assert main(["single-file", str(single), str(tmp_path / "out"), "--like", str(like)]) == 1
    assert "fc1.weight" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.fixture
def timm_checkpoint(tmp_path):
    """A tiny vision transformer of timm's with 17 classes, as timm's training script saves it."""
    try:
        timm = timm_reference.timm()
    except checkpoint.Refused as error:
        pytest.skip(str(error))
    torch.manual_seed(0)
    network = timm.create_model("test_vit", num_classes=17)
    for each in network.parameters():
        torch.nn.init.normal_(each, std=0.2)
    path = tmp_path / "model_best.pth.tar"
    torch.save({"state_dict": network.state_dict(), "args": Namespace(lr=0.1), "epoch": 3}, path)
    return path


def convert_vit(path, out, *options):
    return main(["timm-vit", str(path), str(out), "--pictures", *PICTURES, *options])


def test_a_vision_transformer_of_timm_is_served(timm_checkpoint, tmp_path, capsys):
    labels = [f"class {index}" for index in range(17)]
    (tmp_path / "labels.txt").write_text("\n".join(labels) + "\n")
    options = ["--architecture", "test_vit", "--labels", str(tmp_path / "labels.txt")]
    assert convert_vit(timm_checkpoint, tmp_path / "out", *options) == 0
    assert "largest difference of logits from timm's" in capsys.readouterr().out
    runtime = ClassifierRuntime(ClassifierModel(path=str(tmp_path / "out")))
    assert runtime.labels == tuple(labels) and runtime.input_shape == (3, 160, 160)
    inputs = runtime.preprocess([np.asarray(sketch(300, 200)), np.asarray(sketch(64, 90))])
    network = timm_reference.network("test_vit", checkpoint.read(timm_checkpoint), {})
    with torch.inference_mode():
        expected = network(torch.from_numpy(inputs)).softmax(-1).numpy()
    assert np.abs(runtime.classify(inputs) - expected).max() < 1e-5
    assert expected.max() > 2 / 17


def test_settings_beside_the_checkpoint_are_taken(timm_checkpoint, tmp_path):
    save_file(checkpoint.read(timm_checkpoint), tmp_path / "model.safetensors")
    names = [f"name {index}" for index in range(17)]
    pictures = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "crop_pct": 1.0}
    about = {"architecture": "test_vit", "label_names": names, "pretrained_cfg": pictures}
    (tmp_path / "config.json").write_text(json.dumps(about))
    assert convert_vit(tmp_path / "model.safetensors", tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())
    assert found["image_mean"] == pictures["mean"] and found["image_std"] == pictures["std"]
    assert found["size"] == {"shortest_edge": 160}
    runtime = ClassifierRuntime(ClassifierModel(path=str(tmp_path / "out")))
    assert runtime.labels == tuple(names)


def test_a_conversion_that_answers_differently_is_refused(
    timm_checkpoint, tmp_path, capsys, monkeypatch
):
    def swapped(weights):
        found = renamed(weights)
        one, other = (f"vit.layers.0.attention.{part}_proj.weight" for part in "qv")
        return found | {one: found[other], other: found[one]}

    renamed = timm_vit.renamed
    monkeypatch.setattr(timm_vit, "renamed", swapped)
    assert convert_vit(timm_checkpoint, tmp_path / "out", "--architecture", "test_vit") == 1
    assert "logits differ from timm's by" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == [timm_checkpoint.name]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--architecture", "vit_tiny_patch16_224"], "vit_tiny_patch16_224: Error"),
        (["--architecture", "no_such_thing"], "no_such_thing"),
        (
            ["--architecture", "test_vit", "--labels", str(PROJECT_ROOT / "LICENSE")],
            "labels for 17 classes",
        ),
        ([], "name the architecture"),
    ],
)
def test_what_does_not_fit_is_one_line(options, said, timm_checkpoint, tmp_path, capsys):
    assert convert_vit(timm_checkpoint, tmp_path / "out", *options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert [each.name for each in tmp_path.iterdir()] == [timm_checkpoint.name]


def test_a_generator_of_one_file_is_loaded(single, like, tmp_path):
    from serve_app.runtimes.generator import GeneratorRuntime

    assert main(["single-file", str(single), str(tmp_path / "out"), "--like", str(like)]) == 0
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "out", subfolder="unet")
    ControlNetModel.from_unet(unet).save_pretrained(tmp_path / "controlnet")
    folder, control = str(tmp_path / "out"), str(tmp_path / "controlnet")
    GeneratorRuntime(GeneratorModel(name="single", path=folder, controlnet=control))
