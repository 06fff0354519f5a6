import torch

from serve_app.runtimes import machine
from serve_app.runtimes.machine import kind_of


def test_the_kind_of_machine_is_its_instructions(monkeypatch):
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(machine, "_cpu_flags", lambda: {"avx2", "amx_tile", "avx512_vnni", "ssse3"})
    assert kind_of(torch.device("cpu")) == "x86_64 AVX512 AMX VNNI"
    monkeypatch.setattr(machine, "_cpu_flags", set)
    assert kind_of(torch.device("cpu")) == "x86_64 AVX512"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA L4")
    assert kind_of(torch.device("cuda")) == "NVIDIA L4"
