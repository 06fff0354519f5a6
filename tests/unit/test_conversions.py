"""A converted network is made once, and found again as long as it is the same."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile

import pytest
import torch

from serve_app.config import PROJECT_ROOT
from serve_app.runtimes import backends, conversions
from serve_app.runtimes.conversions import NoPlace, converted


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Converts a module, and says where it lies; `convert.made` are the folders written to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    conversions._warn.cache_clear()

    def call(module, kind="copy", varying=((0,),), write=None):
        def write_text(folder):
            call.made.append(folder)
            (folder / "network").write_text("converted")
            if write is not None:
                write(folder)

        return converted(kind, module, [torch.zeros(2, 4)], varying, ["numpy"], write_text, same)

    call.made = []
    return call


def same(folder):
    return folder


def linear(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Linear(4, 4)


def test_the_same_network_is_converted_once(convert):
    first = convert(linear())
    assert convert(linear()) == first
    assert (first / "network").read_text() == "converted"
    assert len(convert.made) == 1


def test_other_weights_kinds_and_shapes_are_conversions_of_their_own(convert):
    one = linear()
    places = [
        convert(one),
        convert(linear(seed=1)),
        convert(one, "other"),
        convert(one, "copy", [()]),
    ]
    assert len(set(places)) == 4


def test_a_failed_conversion_leaves_nothing(convert, tmp_path):
    def fail(folder):
        raise RuntimeError("no such operator")

    with pytest.raises(RuntimeError, match="no such operator"):
        convert(linear(), write=fail)
    assert list((tmp_path / "image-server" / "networks").iterdir()) == []
    convert(linear())


def test_replicas_that_convert_at_the_same_time_share_the_first_result(convert):
    place = convert(linear())
    shutil.rmtree(place)

    def another_is_first(folder):
        place.mkdir()
        (place / "network").write_text("by another")

    assert convert(linear(), write=another_is_first) == place
    assert (place / "network").read_text() == "by another"


@pytest.fixture
def unwritable(tmp_path, monkeypatch):
    """A place for the cache that nobody can write, root neither: under a file."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))


def test_where_the_cache_cannot_be_written_a_temporary_folder_is(
    convert, unwritable, tmp_path, caplog
):
    caplog.set_level(logging.WARNING, "ray.serve")
    place = convert(linear())
    assert place.is_relative_to(tmp_path) and (place / "network").exists()
    assert convert(linear()) == place
    assert convert(linear(seed=1)).parent == place.parent
    assert len(convert.made) == 2
    (line,) = caplog.messages
    assert str(place.parent) in line and "XDG_CACHE_HOME" in line


def test_a_temporary_folder_of_somebody_else_is_not_used(convert, unwritable, tmp_path):
    place = convert(linear())
    place.parent.parent.chmod(0o777)
    with pytest.raises(NoPlace, match="XDG_CACHE_HOME"):
        convert(linear())


def test_without_a_home_a_temporary_folder_serves(convert, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(conversions.Path, "home", homeless)
    assert convert(linear()).exists()


def test_where_nothing_can_be_written_a_network_runs_eagerly(monkeypatch, caplog):
    def nowhere(*_):
        raise NoPlace("all is read-only")

    monkeypatch.setattr(backends, "_by_openvino", nowhere)
    network = linear()
    caplog.set_level(logging.WARNING, "ray.serve")
    assert backends.run_by("openvino", network, [torch.zeros(2, 4)], [[0]]) is network
    assert "Linear runs eagerly" in caplog.text and "all is read-only" in caplog.text


def test_onnx_runtime_is_told_to_report_nothing():
    """Otherwise it keeps a device id under the home. It asks once, whoever imports it first."""
    see = "import os, sys, serve_app.runtimes as _; print('onnxruntime' in sys.modules, os.environ)"
    given = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", see], cwd=PROJECT_ROOT, env=given, capture_output=True, text=True
    )
    assert done.stdout.startswith("False") and "'ORT_DISABLE_TELEMETRY': '1'" in done.stdout
