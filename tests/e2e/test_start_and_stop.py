"""Starting beside another service, and stopping under load: what runs is finished."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import requests
import yaml

from tests.e2e.conftest import ROOT, START_LIMIT_S, await_true, started
from tests.images import PROMPT

GENERATIONS = "/v1/images/generations"
WAITING = {
    "http_options": {"host": "127.0.0.1", "port": 8000},
    "applications": [
        {
            "name": "waiting",
            "import_path": "tests.e2e.waiting_app:build",
            "args": {},
            "deployments": [
                {"name": "Waiter", "ray_actor_options": {"num_cpus": 0.1}},
                {"name": "Front", "ray_actor_options": {"num_cpus": 0.1}},
            ],
        }
    ],
}


def waiting_config(folder, **args):
    content = json.loads(json.dumps(WAITING))
    content["applications"][0]["args"] = args
    for deployment in content["applications"][0]["deployments"]:
        deployment["graceful_shutdown_timeout_s"] = 60
    path = folder / "waiting.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def generation(running, **fields):
    body = {"prompt": PROMPT, "num_inference_steps": 60, "size": "256x256"} | fields
    return requests.post(running.url + GENERATIONS, json=body, timeout=240)


def test_a_second_start_at_the_same_port_is_refused(service):
    port = service.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "serve_app", "--port", port],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    said = done.stderr.strip().splitlines()
    assert len(said) == 1 and f"127.0.0.1:{port} already" in said[0]
    assert service.get("/health").status_code == 200


def test_sigterm_to_all_finishes_what_runs_and_refuses_the_rest(tmp_path):
    with started(tmp_path) as running:
        running.await_healthy(START_LIMIT_S)
        await_true(lambda: f"ready at {running.url}" in running.log_text(), 20)
        ours = running.processes()

        def signalled():
            running.process.send_signal(signal.SIGTERM)
            running.process.send_signal(signal.SIGINT)  # as from `make` and the terminal: once

        finishes_what_runs(running, signalled)
        _, left = psutil.wait_procs(ours, timeout=20)
        assert not left


def finishes_what_runs(running, stop):
    """Called with three plain generations in progress and two streamed ones, `stop` ends the
    service once all have their answer, with code 0; new requests are refused meanwhile."""
    with ThreadPoolExecutor(8) as pool:
        plain = [pool.submit(generation, running, seed=seed) for seed in range(3)]
        streamed = [pool.submit(generation, running, seed=9, stream=True) for _ in range(2)]
        work = running.url + "/v1/status"
        await_true(lambda: requests.get(work).json()["work"]["generate"]["pending"] == 5, 60)
        stop()
        await_true(lambda: running.get("/health").status_code == 503, 20)
        refused = running.post("/caption", data=b"x")
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        assert refused.json()["error"]["code"] == "stage_unavailable"
        assert running.get("/v2/health/live").status_code == 200
        for answer in plain:
            assert answer.result().status_code == 200
            assert answer.result().json()["data"][0]["b64_json"]
        for answer in streamed:
            assert "image_generation.completed" in answer.result().text
        assert running.process.wait(60) == 0
    log = running.log_text()
    assert "5 answered, 0 given up" in log
    assert "Traceback" not in log and "Stack" not in log and "SIGTERM" not in log
