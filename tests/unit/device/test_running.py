"""A batch's failure is its culprits' alone."""

import pytest

from serve_app.device.memory import DeviceMemory
from serve_app.device.running import BatchRunner, Watch
from serve_app.errors import InvalidRequest, NotEnoughMemory


class Noted(Watch):
    def __init__(self):
        self.sizes, self.failures, self.overflows = [], [], []

    def ran(self, size, seconds):
        self.sizes.append(size)

    def failed(self, size, error):
        self.failures.append((size, type(error)))

    def overflowed(self, size, limit, key):
        self.overflows.append((size, limit, key))


@pytest.fixture
def watch():
    return Noted()


def runner(watch, fails, **options):
    def run(items):
        if error := fails(items):
            raise error
        return [2 * item for item in items]

    return BatchRunner(run, 8, DeviceMemory(), watch=watch, **options)


def test_culprits_fail_alone(watch):
    made = runner(watch, lambda items: ValueError() if 2 in items else None)
    found = made.outcomes("key", [1, 2, 3])
    assert (found[0], type(found[1]), found[2]) == (2, ValueError, 6)
    assert watch.sizes == [3, 1, 1, 1]
    assert watch.failures == [(3, ValueError), (1, ValueError)]
    assert found[1].__traceback__ is None


def test_what_overflows_is_halved_and_stays_so(watch):
    made = runner(watch, lambda items: MemoryError() if len(items) > 2 else None)
    assert made.outcomes("key", [1, 2, 3, 4]) == made.outcomes("key", [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert watch.sizes == [4, 2, 2, 2, 2]
    assert watch.overflows == [(4, 2, "key")] and not watch.failures


@pytest.mark.parametrize("blamed", [None, InvalidRequest("too large")])
def test_what_does_not_fit_alone_is_refused(watch, blamed):
    made = runner(watch, lambda items: MemoryError(), too_large=lambda item: blamed)
    (refused,) = made.outcomes("key", [1])
    assert type(refused) is (InvalidRequest if blamed else NotEnoughMemory)


def test_after_a_lost_device_nothing_is_tried_again(watch):
    made = runner(watch, lambda items: RuntimeError("CUDA error: unspecified launch failure"))
    made.check()
    assert len(made.outcomes("key", [1, 2])) == 2 and watch.sizes == [2]
    with pytest.raises(RuntimeError, match="lost"):
        made.check()
