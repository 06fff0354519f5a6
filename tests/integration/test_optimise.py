"""Anyone's weights get their verdict by the command, and then run without a switch."""

import json
import logging
import shutil

import pytest
import yaml
from safetensors.torch import load_file, save_file

from serve_app.config import AppArgs
from serve_app.jobs.optimise.__main__ import main
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes import verdicts
from tests.images import encoded, sketch

WEIGHTS = PROJECT_ROOT / "demo" / "weights"


@pytest.fixture
def own(tmp_path):
    """A captioner that nobody measured, in a Serve file of its own beside four pictures."""
    folder = tmp_path / "captioner"
    shutil.copytree(WEIGHTS / "captioner", folder)
    weights = load_file(folder / "model.safetensors")
    name = next(iter(weights))
    weights[name] = weights[name] * 1.001
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    for side in (60, 130, 200, 300):
        (tmp_path / f"{side}.jpg").write_bytes(encoded(sketch(side, 2 * side // 3), "JPEG"))
    config = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    config["applications"][0]["args"]["models"]["captioner"] = {
        "path": str(folder),
        "backend": "openvino",
        "verdicts": str(tmp_path / "verdicts.json"),
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def test_own_weights_are_measured_and_then_run(own, monkeypatch, caplog, capsys):
    from serve_app.runtimes.captioner import CaptionerRuntime

    # A Serve that was started has handlers of its own on the replicas' log.
    monkeypatch.setattr(verdicts, "_logger", logging.getLogger("verdicts"))
    # What a job sets for its own processes shall not outlive it here.
    monkeypatch.setenv("XDG_CACHE_HOME", str(own / "cache"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(own / "inductor"))
    packaged = (PROJECT_ROOT / "serve_app" / "backends.json").read_bytes()
    config = yaml.safe_load((own / "own.yaml").read_text())
    model = AppArgs.model_validate(config["applications"][0]["args"]).models.captioner
    with pytest.raises(ValueError, match="was not measured"):
        CaptionerRuntime(model)

    files = ["--config", str(own / "own.yaml"), "--pictures", str(own)]
    assert main(["captioner", *files, "--backends", "openvino", "--rounds", "1"]) == 0
    assert "| captioner | openvino | float32 |" in capsys.readouterr().out
    (verdict,) = json.loads((own / "verdicts.json").read_text())
    assert verdict["inputs"] == {"pictures": 4} and verdict["measured"]["same_captions"] == 100
    assert (PROJECT_ROOT / "serve_app" / "backends.json").read_bytes() == packaged

    monkeypatch.setenv("XDG_CACHE_HOME", str(own / "cache"))
    runtime = CaptionerRuntime(model)
    runtime.warm_up()
    assert not [line for line in caplog.messages if "machine" in line]

    # Taken on a CPU with fewer instructions, it counts all the same, and the log says so.
    (own / "verdicts.json").write_text(json.dumps([verdict | {"machine": "x86_64 AVX2"}]))
    CaptionerRuntime(model)
    (line,) = [line for line in caplog.messages if "machine" in line]
    assert "passed on another kind of machine, x86_64 AVX2" in line
