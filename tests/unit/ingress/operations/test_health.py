"""`GET /health`."""

import pytest

from serve_app.errors import StageUnavailable
from serve_app.ingress.operations.health import require_running
from tests import fakes
from tests.service import assert_refused


def test_needed_deployments_run():
    reports = fakes.reports({"Canny": 1, "Generator": 0})
    require_running(reports, ["Canny"])
    for needed in (None, ["Generator"], ["Canny", "Unheard"]):
        with pytest.raises(StageUnavailable, match="starting"):
            require_running(reports, needed)


def test_it_says_each_stages_state(service):
    body = service.http.get("/health").json()
    assert body["status"] == "ok"
    assert body["stages"]["Canny"] == {"status": "HEALTHY", "replicas": 1}
    assert set(body["stages"]) == set(fakes.STAGES)


def test_a_stage_without_a_replica_is_a_503_that_names_it(service):
    service.running["Captioner"] = 0
    service.now += 10
    response = service.http.get("/health")
    assert_refused(response, 503, "stage_unavailable")
    assert "starting: Captioner" in response.json()["error"]["message"]
    assert int(response.headers["retry-after"]) >= 1
