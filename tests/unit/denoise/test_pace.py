"""How far the host runs ahead, seen by what it waits for."""

import pytest
import torch

from serve_app.denoise.pace import Pace


@pytest.fixture
def told(monkeypatch):
    """What CUDA events are told, by their number."""
    seen = []

    class Event:
        def __init__(self):
            self.number = sum(what == "record" for what, _ in seen)

        def record(self):
            seen.append(("record", self.number))

        def synchronize(self):
            seen.append(("wait", self.number))

    monkeypatch.setattr(torch.cuda, "Event", Event)
    return seen


def test_a_gpu_has_one_step_in_hand_and_the_host_waits_for_the_one_before(told):
    pace = Pace(torch.device("cuda"))
    for _ in range(3):
        pace.keep()
    assert told == [("record", 0), ("record", 1), ("wait", 0), ("record", 2), ("wait", 1)]


def test_a_cpu_has_nothing_to_wait_for(told):
    pace = Pace(torch.device("cpu"))
    pace.keep()
    pace.keep()
    assert told == []
