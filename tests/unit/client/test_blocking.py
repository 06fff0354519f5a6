"""The blocking client."""

import pytest

from serve_app.client import Refused
from tests.unit.client.service import Service, client_of, refusal


def test_health_is_answered_at_once():
    service = Service(refusal(503, 5))
    with pytest.raises(Refused):
        client_of(service).health()
    assert service.slept == []
