"""Checkpoint files are read without running anything in them, and written as safetensors."""

import os
import pickle
from argparse import Namespace

import pytest
import torch
from safetensors.torch import load_file

from serve_app.jobs.convert.__main__ import main
from serve_app.jobs.convert.checkpoint import Refused, read


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.command = f"touch {path}"

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def hostile(tmp_path):
    return Hostile(tmp_path / "run")


def saved(content, path, **options):
    torch.save(content, path, **options)
    return path


def converted(source, tmp_path):
    target = tmp_path / "model.safetensors"
    assert main(["safetensors", str(source), str(target)]) == 0
    return load_file(target)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.ckpt", "model.pth"])
def test_every_tensor_keeps_its_name_type_and_bytes(name, zipped, tmp_path):
    tensors = {
        "half": torch.randn(3, 4).half(),
        "bfloat16": torch.randn(5).bfloat16(),
        "count": torch.tensor(7),
        "none": torch.zeros(0, 3),
        "not a number": torch.tensor([float("nan"), 1.0]),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
    }
    path = saved(tensors, tmp_path / name, _use_new_zipfile_serialization=zipped)
    found = converted(path, tmp_path)
    assert found.keys() == tensors.keys()
    for key, each in tensors.items():
        assert found[key].dtype == each.dtype
        assert torch.equal(found[key].nan_to_num(), each.nan_to_num())


def test_tensors_that_share_memory_are_written_in_full(tmp_path):
    table = torch.randn(10, 4)
    tied = {"encoder.weight": table, "decoder.weight": table, "first": table[0], "turned": table.T}
    found = converted(saved(tied, tmp_path / "tied.bin"), tmp_path)
    assert found.keys() == tied.keys()
    assert all(torch.equal(found[name], each) for name, each in tied.items())


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_of_a_training_checkpoint_the_weights_are_taken(key, tmp_path):
    state = {"module.weight": torch.ones(2), "module.bias": torch.zeros(2)}
    content = {key: state, "epoch": 3, "optimizer": {"lr": 0.1}, "args": Namespace(lr=0.1)}
    found = converted(saved(content, tmp_path / "train.pth"), tmp_path)
    assert sorted(found) == ["bias", "weight"]


@pytest.mark.parametrize("zipped", [True, False])
def test_a_hostile_pickle_is_refused_and_not_run(zipped, hostile, tmp_path, capsys):
    content = {"weight": torch.zeros(2), "payload": hostile}
    path = saved(content, tmp_path / "model.bin", _use_new_zipfile_serialization=zipped)
    assert main(["safetensors", str(path), str(tmp_path / "out.safetensors")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "more than tensors" in line and "posix.system" in line
    assert [each.name for each in tmp_path.iterdir()] == ["model.bin"]


def test_a_bare_hostile_pickle_is_refused_and_not_run(hostile, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(pickle.dumps(hostile))
    with pytest.raises(Refused, match="more than tensors"):
        read(path)
    assert not (tmp_path / "run").exists()


def broken(tmp_path):
    whole = saved({"weight": torch.zeros(100)}, tmp_path / "whole.bin").read_bytes()
    yield "model.bin", b""
    yield "model.bin", b"not a checkpoint"
    yield "model.bin", whole[: len(whole) // 2]
    yield "model.safetensors", whole


def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path):
    for name, content in broken(tmp_path):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Refused) as raised:
            read(tmp_path / name)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(2)])
def test_a_file_without_named_tensors_is_refused(content, tmp_path):
    with pytest.raises(Refused):
        read(saved(content, tmp_path / "model.pth"))


def test_a_missing_file_is_one_line(tmp_path, capsys):
    for name in ("none.bin", "none.safetensors"):
        assert main(["safetensors", str(tmp_path / name), str(tmp_path / "out")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert not list(tmp_path.iterdir())
