"""`GET /health`."""

import pytest

from serve_app.errors import StageUnavailable
from serve_app.ingress.operations.health import require_running
from tests import fakes


def test_needed_deployments_run():
    reports = fakes.reports({"Canny": 1, "Generator": 0})
    require_running(reports, ["Canny"])
    for needed in (None, ["Generator"], ["Canny", "Unheard"]):
        with pytest.raises(StageUnavailable, match="starting"):
            require_running(reports, needed)
