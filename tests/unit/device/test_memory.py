import gc
import threading
import weakref
from types import SimpleNamespace

import pytest
import torch

from serve_app.device import memory
from serve_app.device.memory import DeviceMemory, refusal, too_large
from serve_app.errors import NotEnoughMemory


class Tensor:
    """Something that can be watched."""


def test_several_may_try_again_with_fewer():
    calls = []

    def run():
        calls.append(1)
        raise torch.OutOfMemoryError("full")

    with pytest.raises(torch.OutOfMemoryError):
        DeviceMemory().attempt(run, last=False)
    assert len(calls) == 1


def test_the_last_way_is_tried_again_with_nothing_held():
    held = []

    def run():
        if held and held[-1]() is not None:
            raise AssertionError("the frames of the first try still hold its tensors")
        tensor = Tensor()
        held.append(weakref.ref(tensor))
        if len(held) == 1:
            raise torch.OutOfMemoryError("full")
        return "made"

    gc.disable()
    try:
        assert DeviceMemory().attempt(run, last=True) == "made"
    finally:
        gc.enable()
    assert len(held) == 2


def test_nothing_runs_beside_what_is_alone():
    shared, inside, most = DeviceMemory(), [], []

    def count(first):
        def run():
            inside.append(1)
            most.append(len(inside))
            inside.pop()
            if first and not first.pop():
                raise torch.OutOfMemoryError("full")

        return run

    def work():
        for _ in range(50):
            shared.attempt(count([False]), last=True)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not inside and not any(thread.is_alive() for thread in threads)


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError):
        DeviceMemory().attempt(lambda: 1 / 0, last=True)


def cuda(free, reserved, fraction=1.0, total=24.0):
    return SimpleNamespace(
        mem_get_info=lambda: (free, total),
        memory_reserved=lambda: reserved,
        get_per_process_memory_fraction=lambda: fraction,
    )


@pytest.mark.parametrize(
    ("device", "held"),
    [
        (None, False),  # a CPU
        (cuda(free=19, reserved=4), False),  # the rest is CUDA's own
        (cuda(free=9, reserved=4), True),
        (cuda(free=2, reserved=9, fraction=0.45), False),  # a share, and all of it is to be had
        (cuda(free=2, reserved=4, fraction=0.45), True),
    ],
)
def test_who_holds_the_memory(monkeypatch, device, held):
    monkeypatch.setattr(memory, "_cuda", lambda: device)
    assert memory.held_by_others() is held
    never = too_large("an image of 8x8 pixels", "size")
    assert isinstance(refusal(never), NotEnoughMemory) is held
    assert isinstance(refusal(None), NotEnoughMemory)


def test_how_much_of_a_gpu_a_replica_uses(monkeypatch):
    device = cuda(free=19, reserved=4, fraction=0.5)
    device.memory_allocated = lambda: 3
    monkeypatch.setattr(memory, "_cuda", lambda: device)
    assert memory.device_usage() == {"allocated": 3, "reserved": 4, "limit": 12}
    monkeypatch.setattr(memory, "_cuda", lambda: None)
    assert memory.device_usage() == {}
