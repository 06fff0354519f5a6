"""Device, dtype and share of a GPU, on a machine that has one or none."""

import pytest
import torch

from serve_app.model_config import Placement
from serve_app.runtimes.placement import place


@pytest.fixture
def fractions(monkeypatch):
    """A machine with a GPU; the shares of its memory that were set."""
    given = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", given.append)
    return given


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_half_precision_on_a_gpu_where_nothing_else_is_said(fractions):
    placed = place(Placement())
    assert (placed.device.type, placed.dtype) == ("cuda", torch.float16)
    placed = place(Placement(dtype="bfloat16"))
    assert placed.dtype == torch.bfloat16


def test_full_precision_on_a_cpu(no_gpu):
    placed = place(Placement())
    assert (placed.device.type, placed.dtype) == ("cpu", torch.float32)


@pytest.mark.parametrize(("share", "expected"), [(0.4, [0.36]), (1.0, []), (0.0, [])])
def test_a_share_of_a_gpu_bounds_what_torch_takes(fractions, share, expected):
    place(Placement(), share)
    assert fractions == pytest.approx(expected)


def test_a_cpu_has_no_share_to_bound(fractions):
    assert place(Placement(device="cpu"), 0.4).device.type == "cpu"
    assert fractions == []


def test_a_gpu_that_is_not_there_is_an_error_and_no_slow_service(no_gpu):
    with pytest.raises(RuntimeError, match="sees no CUDA device"):
        place(Placement(device="cuda"))
