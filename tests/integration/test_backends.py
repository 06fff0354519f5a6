"""Any network under a backend is the same call from tensors to tensors."""

import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import torch

from serve_app.runtimes.backends import run_by


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, one, *more):
        return (torch.relu(self.linear(one)) + sum(more),)


@pytest.mark.parametrize("backend", ["compile", "onnxruntime", "openvino"])
def test_batches_of_any_size(backend, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    torch.compiler.reset()
    torch._dynamo.utils.counters.clear()
    network = Network().eval()
    example = [torch.zeros(2, 4), torch.zeros(2, 4)]
    run = run_by(backend, network, example, [[0], [0]])
    for size in (1, 2, 16, 3, 1, 8):
        with torch.inference_mode():
            inputs = torch.randn(size, 4), torch.randn(size, 4)
            torch.testing.assert_close(run(*inputs)[0], network(*inputs)[0])
    # One for a batch of one, one for all others.
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 2


@pytest.mark.parametrize("backend", ["eager", "onnxruntime", "openvino"])
def test_threads_may_run_a_network_at_once(backend, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network = Network().eval()
    run = run_by(backend, network, [torch.zeros(2, 4), torch.zeros(2, 4)], [[0], [0]])
    sizes = [500 + 100 * (number % 3) for number in range(200)]
    inputs = [(torch.randn(size, 4), torch.randn(size, 4)) for size in sizes]
    with torch.no_grad(), ThreadPoolExecutor(4) as threads:
        for made, given in zip(
            threads.map(lambda given: run(*given)[0], inputs), inputs, strict=True
        ):
            torch.testing.assert_close(made, network(*given)[0])


def test_openvino_reports_nothing_to_anybody():
    import serve_app.runtimes.openvino  # noqa: F401

    assert sys.modules["openvino_telemetry"] is None
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__.endswith("telemetry_stub")


def test_openvino_does_not_keep_every_shape_that_it_ever_saw(tmp_path, monkeypatch):
    from serve_app.runtimes import openvino

    settings = {}

    class Core:
        """OpenVINO's, which says nothing of this setting afterwards."""

        real = openvino._CORE

        def __getattr__(self, name):
            return getattr(self.real, name)

        def compile_model(self, model, device, given):
            settings.update(given)
            return self.real.compile_model(model, device, given)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(openvino, "_CORE", Core())
    run = run_by("openvino", Network().eval(), [torch.zeros(2, 4)] * 2, [[0], [0]])
    assert run(torch.zeros(3, 4), torch.zeros(3, 4))[0].shape == (3, 4)
    assert settings["CPU_RUNTIME_CACHE_CAPACITY"] <= 1000


class Wide(torch.nn.Module):
    """Holds 128 times its input while it runs."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 64, 3, padding=1), torch.nn.Conv2d(64, 64, 3, padding=1),
            torch.nn.Conv2d(64, 1, 3, padding=1),
        )  # fmt: skip

    def forward(self, one):
        return (self.layers(one),)


def test_openvino_gives_back_what_a_large_input_took(tmp_path, monkeypatch):
    from serve_app.runtimes import openvino

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(openvino, "_TRIMMED_EVERY_S", 0.0)
    run = run_by("openvino", Wide().eval(), [torch.zeros(1, 1, 40, 40)], [[0, 2, 3]])
    memory = psutil.Process().memory_info
    run(torch.zeros(1, 1, 40, 40))
    before = memory().rss
    run(torch.zeros(1, 1, 1200, 1200))
    assert memory().rss - before > 300e6, "two layers of 64 channels in float32"
    run(torch.zeros(1, 1, 40, 40))
    assert memory().rss - before < 100e6
