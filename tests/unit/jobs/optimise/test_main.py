"""What is asked for is looked at before minutes are spent on it."""

import pytest
import torch
import yaml

from serve_app.jobs.optimise import __main__ as command
from serve_app.jobs.optimise.measure import variants
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes import verdicts
from serve_app.runtimes.placement import Placed
from tests.images import encoded, sketch


@pytest.fixture
def asked(monkeypatch):
    """What would have been measured."""
    seen = []

    def measured(args, inputs, kind, backends, rounds):
        seen.append((args, inputs, kind, backends, rounds))
        return iter(())

    monkeypatch.setattr(command, "measured", measured)
    return seen


def test_by_default_the_demo_on_its_held_out_pictures(asked):
    assert command.main([]) == 1  # nothing was measured
    assert [kind for _, _, kind, _, _ in asked] == ["captioner", "generator", "upscaler"]
    args, inputs, _, backends, rounds = asked[0]
    assert args.models.generator.name == "demo" and (backends, rounds) == (None, 3)
    assert len(inputs.pictures) == len(inputs.prompts) == 40


def test_ones_own_configuration_pictures_prompts_and_steps(asked, tmp_path, monkeypatch):
    config = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    own = tmp_path / "models" / "verdicts.json"
    config["applications"][0]["args"]["models"]["generator"] |= {
        "name": "mine",
        "verdicts": str(own),
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "1.png").write_bytes(encoded(sketch(8, 8)))
    (tmp_path / "lines").write_text("a house\n")
    files = ["--config", "own.yaml", "--pictures", ".", "--prompts", "lines"]
    monkeypatch.chdir(tmp_path)
    command.main(["generator", *files, "--steps", "4", "--backends", "openvino"])
    ((args, inputs, kind, backends, _),) = asked
    assert args.models.generator.name == "mine" and args.defaults.num_inference_steps == 4
    assert args.defaults.width == 128 and (kind, backends) == ("generator", ["openvino"])
    assert inputs.prompts == ["a house"] and [path.name for path in inputs.pictures] == ["1.png"]
    assert command.record_of(args, "generator") == own
    assert command.record_of(args, "captioner") == verdicts.RECORD


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["classifier"], "unknown model: classifier"),
        (["--backends", "onnx"], "invalid choice: 'onnx'"),
        (["--count", "0"], "begin at 1"),
        (["--config", "{folder}/none.yaml"], "none.yaml"),
        (["--config", "{folder}/prompts.txt"], "no Serve file"),
        (["--pictures", "{folder}"], "has no pictures"),
        (["generator", "--pictures", "{pictures}"], "the generator needs prompts"),
        (["captioner", "--config", "{config}"], "verdicts.json is no record"),
    ],
)
def test_what_cannot_be_is_said_at_once(asked, tmp_path, capsys, options, says):
    (tmp_path / "prompts.txt").write_text("a house\n")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "1.png").write_bytes(encoded(sketch(8, 8)))
    config = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    (tmp_path / "verdicts.json").write_text("{}")
    own = {"verdicts": str(tmp_path / "verdicts.json")}
    config["applications"][0]["args"]["models"]["captioner"] |= own
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    places = {"folder": tmp_path, "pictures": pictures, "config": tmp_path / "own.yaml"}
    with pytest.raises(SystemExit):
        command.main([each.format(**places) for each in options])
    assert says in capsys.readouterr().err and not asked


def test_a_record_that_cannot_be_written_is_named(asked, monkeypatch, capsys):
    monkeypatch.setattr(command.os, "access", lambda path, mode: False)
    with pytest.raises(SystemExit):
        command.main(["captioner"])
    assert "backends.json cannot be written; `verdicts` of the captioner" in capsys.readouterr().err


def test_backends_run_in_the_configured_dtype():
    def of(device, dtype, backends=None):
        return variants(backends, Placed(torch.device(device), dtype))

    assert of("cpu", torch.float32)[:3] == [
        ("eager", "float32"),
        ("eager", "bfloat16"),
        ("onnxruntime", "float32"),
    ]
    assert of("cpu", torch.bfloat16, ["compile"]) == [("compile", "bfloat16")]
    assert of("cuda", torch.float16) == [
        ("eager", "float32"), ("eager", "float16"), ("compile", "float16"), ("tensorrt", "float16"),
    ]  # fmt: skip
