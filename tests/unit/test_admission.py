import pytest

from serve_app.admission import Admission
from serve_app.errors import QueueFull


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_refuses_at_once_what_does_not_fit():
    admission = Admission(capacity=2)
    with admission.admitted(2), pytest.raises(QueueFull), admission.admitted():
        pass
    with admission.admitted(2):
        assert admission.pending == 2
    assert admission.pending == 0


def test_frees_its_place_when_the_work_fails():
    admission = Admission(capacity=1)
    with pytest.raises(ZeroDivisionError), admission.admitted():
        1 / 0  # noqa: B018
    assert admission.pending == 0


def test_retry_after_follows_the_measured_rate_and_the_work_ahead():
    clock = Clock()
    admission = Admission(capacity=100, clock=clock)
    for _ in range(200):  # a second each pair of images
        with admission.admitted(2):
            clock.now += 1.0
    with admission.admitted(40):
        assert admission.drained_in_s() == pytest.approx(20, abs=1)
        with admission.admitted(40):
            assert admission.drained_in_s() == pytest.approx(40, abs=2)


def test_idle_time_is_not_counted_as_work():
    clock = Clock()
    admission = Admission(capacity=100, clock=clock)
    for _ in range(50):
        clock.now += 1000.0
        with admission.admitted():
            clock.now += 1.0
    with admission.admitted(10):
        assert admission.drained_in_s() == pytest.approx(10, abs=1)


def test_the_error_carries_the_computed_seconds():
    admission = Admission(capacity=30)
    with admission.admitted(30), pytest.raises(QueueFull) as refused, admission.admitted():
        pass
    assert refused.value.retry_after_s == 30  # an image a second until something was measured
