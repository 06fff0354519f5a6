"""Which jobs are taken."""

import pytest

from serve_app.config import JobSettings
from serve_app.errors import DeadlineUnmet, QueueFull
from serve_app.ingress.jobs.room import check_room
from tests.unit.ingress.jobs.making import work

SETTINGS = JobSettings(max_jobs=3, max_running=10, max_bytes=20_000)


def test_so_many_and_so_large():
    check_room(work(), [work()] * 2, 2, None, SETTINGS)
    with pytest.raises(QueueFull, match="max_jobs") as full:
        check_room(work(), [work()] * 3, 6, 2.5, SETTINGS)
    assert full.value.retry_after_s == 15
    with pytest.raises(QueueFull, match="max_bytes") as full:
        check_room(work(prompt="x" * 2000), [work(prompt="x" * 2000)] * 3, 2, None,
                   SETTINGS.model_copy(update={"max_jobs": 9}))  # fmt: skip
    assert full.value.retry_after_s == 2


def test_what_would_be_late_is_refused_at_once():
    soon = work(deadline_ms=10_000)
    check_room(soon, [], 9, 5.0, SETTINGS)  # begins at once: the generator knows
    check_room(soon, [], 10, None, SETTINGS)
    check_room(work(), [], 10, 5.0, SETTINGS)
    check_room(soon, [], 10, 0.5, SETTINGS)
    with pytest.raises(DeadlineUnmet, match=r"in 55\.0 s") as late:
        check_room(soon, [], 10, 5.0, SETTINGS)
    assert late.value.retry_after_s == pytest.approx(45, abs=1)
