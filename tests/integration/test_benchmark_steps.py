"""The step benchmark: a tiny network here, the real size where there is a GPU."""

import pytest
import torch

from benchmarks.steps import main


def test_a_tiny_network_is_measured_on_the_cpu(capsys):
    main(["--device", "cpu", "--tiny", "--steps", "2"])
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[0] for row in rows[2:4]] == ["| eager", "| channels last"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_no_step_makes_the_host_wait(capsys):
    main(["--tiny", "--steps", "4"])
    assert "compile, CUDA graphs" in capsys.readouterr().out
