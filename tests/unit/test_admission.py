import pytest

from serve_app.admission import Admission, share_of
from serve_app.errors import QueueFull


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_refuses_at_once_what_does_not_fit():
    admission = Admission(lambda: 2)
    with admission.admitted(2), pytest.raises(QueueFull), admission.admitted():
        pass
    with admission.admitted(2):
        assert admission.pending == 2
    assert admission.pending == 0


def test_frees_its_place_when_the_work_fails():
    admission = Admission(lambda: 1)
    with pytest.raises(ZeroDivisionError), admission.admitted():
        1 / 0  # noqa: B018
    assert admission.pending == 0


def test_retry_after_follows_the_measured_rate_and_the_work_ahead():
    clock = Clock()
    admission = Admission(lambda: 100, clock=clock)
    for _ in range(200):  # a second each pair of images
        with admission.admitted(2):
            clock.now += 1.0
    with admission.admitted(40):
        assert admission.drained_in_s() == pytest.approx(20, abs=1)
        with admission.admitted(40):
            assert admission.drained_in_s() == pytest.approx(40, abs=2)


def test_idle_time_is_not_counted_as_work():
    clock = Clock()
    admission = Admission(lambda: 100, clock=clock)
    for _ in range(50):
        clock.now += 1000.0
        with admission.admitted():
            clock.now += 1.0
    with admission.admitted(10):
        assert admission.drained_in_s() == pytest.approx(10, abs=1)


def test_the_error_carries_the_computed_seconds():
    admission = Admission(lambda: 30)
    with admission.admitted(30), pytest.raises(QueueFull) as refused, admission.admitted():
        pass
    assert refused.value.retry_after_s == 30  # an image a second until something was measured


def test_the_capacity_may_change_while_work_is_in_progress():
    capacity = 4
    admission = Admission(lambda: capacity)
    with admission.admitted(3):
        capacity = 2
        with pytest.raises(QueueFull), admission.admitted():
            pass
    with admission.admitted(2):
        pass


@pytest.mark.parametrize("limit", [1, 7, 64, 256])
@pytest.mark.parametrize("replicas", [1, 2, 3, 7])
def test_shares_of_a_limit_add_up_to_it(limit, replicas):
    shares = [share_of(limit, replicas, rank) for rank in range(replicas)]
    assert sum(shares) == max(limit, replicas)
    assert min(shares) >= 1 and max(shares) - min(shares) <= 1


def test_a_share_needs_no_rank_that_is_in_order():
    """While replicas come and go, ranks may be over their number."""
    assert share_of(64, 3, 7) == 21
    assert share_of(64, 0, 0) == 64
