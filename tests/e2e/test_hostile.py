"""What nobody should send is answered in the contract's words, and hurts nobody else."""

import json
import subprocess
import sys

from tests.e2e.conftest import ROOT
from tests.images import encoded, jpeg, sketch
from tests.unit.imaging import bombs


def test_hundreds_of_hostile_requests(service, tmp_path):
    done = subprocess.run(
        [
            sys.executable, "-m", "loadtest.hostile", "--url", service.url, "--count", "300",
            "--seed", "1", "--limit", "60", "--health-limit", "60", "--out", tmp_path,
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["count"] == 300 and not result["faults"]
    assert result["health"]["count"] > 0
    assert "Traceback" not in service.log_text()
    assert service.post("/caption", data=jpeg()).status_code == 200


def test_a_foreign_page_is_refused_and_the_own_one_is_not(service):
    for headers, status in (
        ({}, 200),
        ({"Origin": service.url}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
    ):
        response = service.post("/caption", data=jpeg(), headers=headers)
        assert response.status_code == status, (headers, response.text)
    assert response.json()["error"]["code"] == "forbidden"
    assert service.get("/health", headers={"Host": "evil.example"}).status_code == 200


def test_a_tile_of_gigabytes_costs_the_stage_no_memory(service):
    replica = service.replica("Canny")
    service.post("/v1/canny", data=encoded(sketch(64, 64)))
    before = replica.memory_info().rss
    response = service.post("/v1/canny", data=bombs.tiled_tiff(16, 8192))
    assert response.status_code == 400
    assert replica.memory_info().rss - before < 32 * 1024 * 1024
