"""A backend that has not passed with these very weights runs only where the YAML says so."""

import json
import logging
from pathlib import Path

import pytest
import torch
import yaml

from serve_app.config import AppArgs
from serve_app.model_config import PROJECT_ROOT, GeneratorModel, RunBy, Source, UpscalerModel
from serve_app.runtimes import verdicts
from serve_app.runtimes.machine import kind_of
from serve_app.runtimes.placement import Placed

CPU = Placed(torch.device("cpu"), torch.float32)
COMMAND = (
    r"was not measured .*`python -m serve_app\.jobs\.optimise captioner --backends compile "
    "--config FILE --pictures FOLDER` measures it"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "RECORD", tmp_path / "backends.json")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def verdict(folder: Path, passed: bool, machine: str | None = None) -> dict[str, object]:
    weights = verdicts.weights_of([Source(str(folder))])
    reasons = {"passed": passed, "failures": [] if passed else ["same_captions 97.5 is below 99"]}
    about = verdicts.key("captioner", weights, "compile", CPU)
    return about | {"machine": machine or kind_of(CPU.device)} | reasons


def record(*found: dict[str, object], path: Path | None = None) -> None:
    (path or verdicts.RECORD).write_text(json.dumps(found))


def require(folder: Path, **chosen: object) -> None:
    model = RunBy.model_validate({"backend": "compile"} | chosen)
    verdicts.require_passed("captioner", model, [Source(str(folder))], CPU)


def test_a_backend_that_passed_may_run(folder):
    record(verdict(folder, True))
    require(folder)


def test_one_that_was_not_measured_may_not(folder):
    with pytest.raises(ValueError, match=COMMAND):
        require(folder)
    require(folder, backend="eager")


def test_one_that_failed_may_not_and_the_message_says_why(folder):
    record(verdict(folder, False))
    with pytest.raises(ValueError, match=r"failed \(same_captions 97.5 is below 99\)"):
        require(folder)


def test_other_weights_need_another_verdict(folder):
    record(verdict(folder, True))
    (folder / "model.safetensors").write_bytes(b"retrained")
    with pytest.raises(ValueError, match="was not measured"):
        require(folder)


def test_the_yaml_may_say_that_it_shall_run_all_the_same(folder):
    require(folder, unproven_backend=True)
    record(verdict(folder, False))
    require(folder, unproven_backend=True)


def test_the_record_that_the_configuration_names_counts_before_the_packaged_one(folder):
    own = folder / "own.json"
    with pytest.raises(ValueError, match="was not measured"):
        require(folder, verdicts=str(own))
    record(verdict(folder, True))
    require(folder, verdicts=str(own))
    record(verdict(folder, False), path=own)
    require(folder)
    with pytest.raises(ValueError, match="failed"):
        require(folder, verdicts=str(own))
    own.unlink()
    verdicts.RECORD.unlink()
    record(verdict(folder, True), path=own)
    require(folder, verdicts=str(own))


def test_a_records_path_is_within_the_project_unless_it_is_absolute():
    def path(given: str) -> Path | None:
        return RunBy.model_validate({"verdicts": given}).verdicts

    assert path("verdicts.json") == PROJECT_ROOT / "verdicts.json"
    assert path("/models/verdicts.json") == Path("/models/verdicts.json")
    assert RunBy().verdicts is None


@pytest.mark.parametrize(
    "content", ["", "{}", "{}x", '{"a": 1}', "[1]", '[{"model": "captioner"}]']
)
def test_a_file_that_is_no_record_is_named(folder, content):
    verdicts.RECORD.write_text(content)
    with pytest.raises(ValueError, match=r"backends\.json is no record"):
        require(folder)


def test_a_verdict_from_another_kind_of_machine_counts_and_warns(folder, caplog):
    caplog.set_level(logging.WARNING, "ray.serve")
    record(verdict(folder, True))
    require(folder)
    assert not caplog.messages
    record(verdict(folder, True, "aarch64 DEFAULT"))
    require(folder)
    (line,) = caplog.messages
    assert "another kind of machine, aarch64 DEFAULT;" in line and kind_of(CPU.device) in line
    assert "jobs.optimise captioner --backends compile" in line
    record(verdict(folder, False, "aarch64 DEFAULT"))
    with pytest.raises(ValueError, match="failed"):
        require(folder)


def test_a_verdict_from_this_kind_of_machine_counts_alone(folder, caplog):
    caplog.set_level(logging.WARNING, "ray.serve")
    record(verdict(folder, False, "aarch64 DEFAULT"), verdict(folder, True))
    require(folder)
    assert not caplog.messages
    record(verdict(folder, True, "aarch64 DEFAULT"), verdict(folder, False))
    with pytest.raises(ValueError, match="failed"):
        require(folder)


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
