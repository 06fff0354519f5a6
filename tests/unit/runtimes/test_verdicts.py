"""A backend that has not passed with these very weights runs only where the YAML says so."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from serve_app.config import PROJECT_ROOT, AppArgs, GeneratorModel, RunBy, Source, UpscalerModel
from serve_app.runtimes import verdicts
from serve_app.runtimes.placement import Placed

CPU = Placed(torch.device("cpu"), torch.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "RECORD", tmp_path / "backends.json")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def record(folder: Path, passed: bool, weights: str | None = None) -> None:
    found = weights or verdicts.weights_of([Source(str(folder))])
    verdict = verdicts.key("captioner", found, "compile", CPU)
    reasons = {"passed": passed, "failures": [] if passed else ["exact_words loses 3"]}
    verdicts.RECORD.write_text(json.dumps([verdict | reasons]))


def require(folder: Path, **chosen: object) -> None:
    model = RunBy.model_validate({"backend": "compile"} | chosen)
    verdicts.require_passed("captioner", model, [Source(str(folder))], CPU)


def test_a_backend_that_passed_may_run(folder):
    record(folder, True)
    require(folder)


def test_one_that_was_not_measured_may_not(folder):
    with pytest.raises(ValueError, match=r"was not measured .*jobs\.optimise captioner"):
        require(folder)
    require(folder, backend="eager")


def test_one_that_failed_may_not_and_the_message_says_why(folder):
    record(folder, False)
    with pytest.raises(ValueError, match=r"failed \(exact_words loses 3\)"):
        require(folder)


def test_other_weights_need_another_verdict(folder):
    record(folder, True)
    (folder / "model.safetensors").write_bytes(b"retrained")
    with pytest.raises(ValueError, match="was not measured"):
        require(folder)


def test_the_yaml_may_say_that_it_shall_run_all_the_same(folder):
    require(folder, unproven_backend=True)
    record(folder, False)
    require(folder, unproven_backend=True)


def test_what_the_served_configuration_asks_for_has_passed():
    config = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    models = AppArgs.model_validate(config["applications"][0]["args"]).models
    for kind in ("generator", "upscaler", "captioner"):
        model = getattr(models, kind)
        verdicts.require_passed(kind, model, model.sources, CPU)


def test_a_hub_id_is_looked_up_at_its_revision(folder, monkeypatch):
    asked = []

    def snapshot_download(path, revision, local_files_only):
        asked.append((path, revision, local_files_only))
        return str(folder)

    monkeypatch.setattr(verdicts, "snapshot_download", snapshot_download)
    generator = GeneratorModel(
        name="x", path="hub/a", revision="v1", controlnet="hub/b", controlnet_revision="v2"
    )
    upscaler = UpscalerModel(x2="hub/c", x2_revision="v3", x4="hub/d")
    verdicts.weights_of([*generator.sources, *upscaler.sources])
    assert asked == [
        ("hub/a", "v1", True),
        ("hub/b", "v2", True),
        ("hub/c", "v3", True),
        ("hub/d", "main", True),
    ]


def test_only_the_weights_that_are_loaded_count(tmp_path):
    def write(name, content="weights"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)

    def loaded(variant=None):
        files = verdicts.loaded_files(tmp_path, variant)
        return [file.relative_to(tmp_path).as_posix() for file in files]

    parts = ("unet", "vae", "text_encoder", "tokenizer", "safety_checker")
    write(
        "model_index.json", json.dumps({"_class_name": "X"} | {part: ["a", "b"] for part in parts})
    )
    write("unet/diffusion_pytorch_model.fp16.safetensors")
    write("vae/diffusion_pytorch_model.safetensors")
    write("text_encoder/model.fp16.safetensors")
    source = [Source(str(tmp_path), variant="fp16")]
    before = verdicts.weights_of(source)
    # What another program may have put into the same snapshot of the hub.
    for other in (
        "v1-5-pruned.safetensors", "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors", "text_encoder/model.safetensors",
        "safety_checker/model.fp16.safetensors", "elsewhere/model.fp16.safetensors",
    ):  # fmt: skip
        write(other)
    assert verdicts.weights_of(source) == before
    assert loaded("fp16") == [
        "text_encoder/model.fp16.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert loaded() == [
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    write("unet/diffusion_pytorch_model.fp16.safetensors", "retrained")
    assert verdicts.weights_of(source) != before


def test_weights_in_shards_all_count(tmp_path):
    names = [f"model.fp16-0000{number}-of-00002.safetensors" for number in (1, 2)]
    weight_map = {"a": names[1], "b": names[0], "c": names[1]}
    index = {"metadata": {}, "weight_map": weight_map}
    (tmp_path / "model.safetensors.index.fp16.json").write_text(json.dumps(index))
    assert verdicts.loaded_files(tmp_path, "fp16") == [tmp_path / name for name in names]
