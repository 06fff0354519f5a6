import pytest

from tests.service import Service


@pytest.fixture
def service():
    return Service(settings={"webui": True})
