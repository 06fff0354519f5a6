"""Containers that may write little or run as somebody else; and stopping under load."""

import pytest

from tests.e2e.test_service import test_a_controlnet_client_as_it_is_written as answers_a_client
from tests.e2e.test_service import test_single_stages as answers_single_stages
from tests.e2e.test_start_and_stop import finishes_what_runs

RESTRICTED = {
    "read-only": ["--read-only", "--tmpfs", "/tmp"],
    "read-only without /tmp": ["--read-only", "--shm-size", "1g"],
    "another user": ["--user", "12345:12345"],
    "read-only as another user": ["--read-only", "--tmpfs", "/tmp", "--user", "12345:12345"],
}


@pytest.mark.parametrize("options", RESTRICTED.values(), ids=RESTRICTED)
def test_it_starts_and_answers(started, options):
    with started(*options) as running:
        answers_a_client(running)
        answers_single_stages(running)
        # A warning names it where networks are kept elsewhere, or run eagerly.
        assert "XDG_CACHE_HOME" not in running.log_text()


def test_stopping_finishes_what_runs(started):
    with started() as running:
        finishes_what_runs(running, running.stop)
