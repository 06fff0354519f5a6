"""A real Prometheus with the shipped rules beside the served demo: the board shows what the service
does, no alert fires while it is healthy, and the right one does when a stage keeps dying.

Minutes of the rules are twelve seconds here.
"""

import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.board import queries
from tests.e2e.conftest import ROOT, await_true, free_port
from tests.images import PROMPT, in_base64, jpeg

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed"
)

SHIPPED = ROOT / "deploy" / "prometheus"
GENERATIONS = "/v1/images/generations"
WITHOUT_GPU = {"GPU memory of a share A", "GPU memory of a share B", "CPU and GPU of nodes B"}
WITHOUT_FAILURE = {
    "Failed replicas, reruns, smaller batches B",  # seen in the second test
    "Failed replicas, reruns, smaller batches C",  # memory does not run out
}


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str) -> list[dict]:
        answer = requests.get(f"{self.url}/api/v1/query", {"query": query}, timeout=10).json()
        assert answer["status"] == "success", (query, answer)
        return answer["data"]["result"]

    def firing(self) -> set[str]:
        return {each["metric"]["alertname"] for each in self.ask('ALERTS{alertstate="firing"}')}


TARGETS = "/tmp/ray/prom_metrics_service_discovery.json"


@pytest.fixture(scope="module")
def prometheus(service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    for name in ("prometheus.yml", "recording.yml", "alerts.yml"):
        text = (SHIPPED / name).read_text()
        text = text.replace(TARGETS, str(service.scrape_targets))
        text = re.sub(r"\b(\d+)m\b", lambda minutes: f"{12 * int(minutes[1])}s", text)
        (folder / name).write_text(re.sub(r"(interval): 15s", r"\1: 1s", text))
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    running = Prometheus(f"http://127.0.0.1:{port}")
    try:
        await_true(lambda: running.ask('up{job="ray"} == 1'), 60)
        yield running
    finally:
        process.terminate()
        process.wait()


def make_some_of_everything(service) -> None:
    """Every route once: plain, streamed, with a priority and a deadline, refused, and given up."""
    picture, sketch = jpeg(), in_base64(jpeg())

    def generate(**fields):
        return service.post(GENERATIONS, json={"prompt": PROMPT, "num_inference_steps": 4} | fields)

    def leave():
        body = {"prompt": PROMPT, "num_inference_steps": 100, "stream": True, "progress": True}
        with service.post(GENERATIONS, json=body, stream=True) as stream:
            next(stream.iter_lines())

    calls = [
        lambda: generate(n=2, upscale=2, caption=True, control_image=sketch),
        lambda: generate(stream=True, partial_images=2).text,
        lambda: generate(priority=5, deadline_ms=60_000),
        lambda: generate(priority=-5),
        lambda: generate(num_inference_steps=100, deadline_ms=500),  # refused
        leave,
        lambda: service.post(
            "/generation",
            json={
                "request_id": 1, "text": PROMPT, "random_seed": 7, "input_image_base64": sketch
            },
        ),
        lambda: service.post("/v1/captions", data=picture[:-500]),  # cut off: the stage refuses it
        lambda: service.post("/v1/images/edits", files={"image": picture}, data={"prompt": PROMPT}),
        *(
            (lambda path=path: service.post(path, data=picture))
            for path in (
                "/v1/canny", "/v1/upscale?scale=2", "/v1/captions", "/caption", "/v1/classify"
            )
        ),
    ]  # fmt: skip
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(call) for call in calls]:
            done.result()


def unanswered(prometheus: Prometheus, but: set[str]) -> set[str]:
    """Queries of the board without an answer, or without a number in it."""
    return {
        name
        for name, query in queries().items()
        if name not in but and not any(each["value"][1] != "NaN" for each in prometheus.ask(query))
    }


def print_board(prometheus: Prometheus) -> None:
    for name, query in queries().items():
        found = [
            f"{','.join(v for k, v in each['metric'].items())} {float(each['value'][1]):.4g}"
            for each in prometheus.ask(query)
        ]
        print(f"{name}: {'; '.join(found) or '-'}")


def test_every_panel_shows_data_and_no_alert_fires(service, prometheus):
    without = WITHOUT_GPU | WITHOUT_FAILURE
    end = time.monotonic() + 90
    never = set(queries())
    # A gauge of Serve's controller is gone for a moment where it was restarted by another test.
    while never and time.monotonic() < end:
        make_some_of_everything(service)
        never &= unanswered(prometheus, without)
    print_board(prometheus)
    assert never == set()
    assert prometheus.ask('max_over_time(ALERTS{alertstate="firing"}[10m])') == []


def test_a_stage_that_keeps_dying_is_told(service, prometheus):
    picture = jpeg()

    def caption(_=None):
        return service.post("/v1/captions", data=picture).status_code

    def failed():
        query = 'application_deployment:failed_replicas:count{deployment="Captioner"}'
        return sum(float(each["value"][1]) for each in prometheus.ask(query))

    for _ in range(3):
        before = failed()
        with ThreadPoolExecutor(8) as pool:  # too few for a second replica
            asked = [pool.submit(caption) for _ in range(24)]
            await_true(lambda asked=asked: any(each.done() for each in asked), 30)
            service.replica("Captioner").kill()
        await_true(lambda: caption() == 200, 90)
        await_true(lambda before=before: failed() > before, 60)
    await_true(lambda: "RestartLoop" in prometheus.firing(), 30)
    print("firing:", ", ".join(sorted(prometheus.firing())))
    dying = prometheus.ask('ALERTS{alertname="RestartLoop", alertstate="firing"}')
    assert [each["metric"]["deployment"] for each in dying] == ["Captioner"]
    reruns = queries()["Failed replicas, reruns, smaller batches B"]
    await_true(lambda: any(r["metric"]["stage"] == "caption" for r in prometheus.ask(reruns)), 30)
    service.await_healthy()
