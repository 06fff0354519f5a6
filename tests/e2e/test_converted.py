"""A checkpoint of timm's: converted by the command, served, and asked over HTTP."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from serve_app.jobs.convert import checkpoint, timm_reference
from tests.e2e.conftest import ROOT, START_LIMIT_S, started
from tests.images import encoded, sketch

LABELS = ["house", "tree", "bunny", "turtle", "storm", "record-player", "ron-howard"]
# Less than twice the networks' sizes, as larger ones are shrunk first; and what is left beside the
# crops is even, as of an odd rest the converted folder's crop may differ.
PICTURES = [sketch(300, 200), sketch(200, 320).rotate(90), sketch(240, 240)]


def random_network(architecture: str) -> torch.nn.Module:
    """Of timm's, with as many classes as there are labels, and no bias of zero."""
    try:
        timm = timm_reference.timm()
    except checkpoint.Refused as error:
        pytest.skip(str(error))
    torch.manual_seed(0)
    network = timm.create_model(architecture, num_classes=len(LABELS)).eval()
    for name, each in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(each, std=0.1)
    torch.nn.init.normal_(network.head.weight, std=0.1)
    return network


def probabilities(network: torch.nn.Module, picture: Image.Image) -> np.ndarray:
    """timm's, after its evaluation transform, which is Pillow's bicubic resizing and a crop."""
    about = timm_reference.data_configuration(network)
    side = about["input_size"][1]
    shorter = int(side / about["crop_pct"])
    width, height = (shorter * length // min(picture.size) for length in picture.size)
    left, top = (width - side) // 2, (height - side) // 2
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    cropped = np.asarray(resized.crop((left, top, left + side, top + side)), np.float32) / 255
    pixels = (cropped - np.float32(about["mean"])) / np.float32(about["std"])
    with torch.inference_mode():
        logits = network(torch.from_numpy(pixels).permute(2, 0, 1)[None])
    return logits.softmax(-1)[0].numpy()


@pytest.mark.parametrize(
    "architecture", ["test_vit", pytest.param("vit_base_patch16_384", marks=pytest.mark.slow)]
)
def test_a_converted_classifier_answers_as_timm_does(architecture, tmp_path):
    network = random_network(architecture)
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n")
    names = [tmp_path / f"{number}.png" for number in range(len(PICTURES))]
    for name, picture in zip(names, PICTURES, strict=True):
        picture.save(name)
    done = subprocess.run(
        [sys.executable, "-m", "serve_app.jobs.convert", "timm-vit",
         tmp_path / "model.safetensors", tmp_path / "vit", "--architecture", architecture,
         "--labels", tmp_path / "labels.txt", "--pictures", *names],
        cwd=ROOT, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    print(done.stdout.strip())

    content = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    content["applications"][0]["args"]["models"]["classifier"]["path"] = str(tmp_path / "vit")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    with started(tmp_path, tmp_path / "config.yaml") as running:
        running.await_healthy(START_LIMIT_S)
        answers = [running.post("/v1/classify", data=encoded(each)) for each in PICTURES]
    assert [answer.status_code for answer in answers] == [200] * len(PICTURES)
    expected = np.stack([probabilities(network, each) for each in PICTURES])
    found = [[answer.json()["probabilities"][name] for name in LABELS] for answer in answers]
    differences = np.abs(np.array(found) - expected)
    print(f"largest difference of probabilities over HTTP: {differences.max():.2g}")
    assert differences.max() <= 1e-4
    assert np.ptp(expected, axis=1).min() > 0.02
    for answer, row in zip(answers, expected, strict=True):
        assert answer.json()["label"] == LABELS[row.argmax()]
