"""What Prometheus scrapes of the served demo, and the documented table."""

import json
import re
import time
from collections import defaultdict

import pytest
import requests

from tests.e2e.conftest import await_true
from tests.images import PROMPT, encoded, in_base64, jpeg, sketch
from tests.metrics_table import documented

GENERATIONS = "/v1/images/generations"
EXPORT_EVERY_S = 1  # as the fixture sets it
EXPORTED_WITHIN_S = 30
OTHERS_WITHIN_S = 180  # what tests before have left to do
SAMPLE = re.compile(r"(ray_image_\w+)\{(.*)\} (\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ADDED = {"application", "deployment", "replica"}
RAYS_OWN = {"NodeAddress", "SessionName", "WorkerId", "Component", "Version", "le"}
MODEL_STAGES = {"generate", "upscale", "caption", "classify"}
STEPS = 15
ITEMS = {
    "canny": 1, "generate": 4, "decode": 5, "upscale": 1, "caption": 3, "preprocess": 1,
    "classify": 1,
}  # fmt: skip
"""Items that the requests below make of each stage; one of them is a preview."""


class Scrape:
    """All series of ours at one moment."""

    def __init__(self, service, own_page=False):
        groups = json.loads(service.scrape_targets.read_text())
        targets = {f"http://{each}" for group in groups for each in group["targets"]}
        self.series = []
        self.kinds = {}
        for target in [service.url] if own_page else targets:
            text = requests.get(f"{target}/metrics", timeout=10).text
            self.kinds |= dict(re.findall(r"# TYPE (ray_image_\w+) (\w+)", text))
            for name, labels, value in SAMPLE.findall(text):
                self.series.append((name, dict(LABEL.findall(labels)), float(value)))

    def sum(self, name, **labels):
        """Of the series with these labels; 0 where there is none."""
        return sum(
            value
            for each, found, value in self.series
            if each == f"ray_image_{name}" and labels.items() <= found.items()
        )

    def labels(self):
        """By the name of a metric, the labels of its series."""
        found = defaultdict(set)
        for name, labels, _ in self.series:
            parts = re.sub("_(bucket|count|sum)$", "", name)
            own = parts if self.kinds.get(parts) == "histogram" else name
            found[own] |= {label for label in labels if not label.startswith("otel_")} - RAYS_OWN
        return found


@pytest.fixture(scope="module")
def scrapes(service):
    """Before and after requests of each kind, when all that they count has arrived.

    A process exports all that is its own at once, so what each counted last is looked for.
    """

    def idle(now):
        return not now.sum("pending") + now.sum("slots_running") + now.sum("work_seconds")

    def items(now):
        return {stage: now.sum("stage_seconds_count", stage=stage) for stage in ITEMS}

    def settled():
        """Each process has exported what it counted for tests before this one."""
        first = Scrape(service)
        time.sleep(3 * EXPORT_EVERY_S)
        return (
            first.sum("model_info") > 0 and idle(first) and items(first) == items(Scrape(service))
        )

    await_true(settled, OTHERS_WITHIN_S)
    before = Scrape(service)
    for ask in (plain, streamed, abandoned, refused, missed, bad_image, other_stages):
        ask(service)

    def arrived():
        now = Scrape(service)
        made = {stage: count - items(before)[stage] for stage, count in items(now).items()}
        answers = now.sum("requests_total", route="unknown")
        answered = answers > before.sum("requests_total", route="unknown")
        return made == ITEMS and answered and idle(now)

    await_true(arrived, EXPORTED_WITHIN_S)
    return before, Scrape(service)


@pytest.fixture
def grown(scrapes):
    """By how much a sum has grown."""
    before, after = scrapes
    return lambda name, **labels: after.sum(name, **labels) - before.sum(name, **labels)


def plain(service):
    body = {"prompt": PROMPT, "n": 2, "caption": True, "deadline_ms": 100_000}
    assert service.post(GENERATIONS, json=body).status_code == 200


def streamed(service):
    body = {"prompt": PROMPT, "stream": True, "partial_images": 1, "num_inference_steps": STEPS}
    assert "completed" in service.post(GENERATIONS, json=body).text


def abandoned(service):
    body = {"prompt": PROMPT, "stream": True, "progress": True, "num_inference_steps": 100}
    with requests.post(service.url + GENERATIONS, json=body, stream=True, timeout=60) as response:
        assert next(response.iter_lines())


def refused(service):
    body = {"prompt": PROMPT, "num_inference_steps": 100, "deadline_ms": 150}
    response = service.post(GENERATIONS, json=body)
    assert response.json()["error"]["code"] == "deadline_unmet"


def missed(service):
    response = service.post(GENERATIONS, json={"prompt": PROMPT, "deadline_ms": 1})
    assert response.status_code == 504


def bad_image(service):
    response = service.post("/caption", data=jpeg()[:5000])
    assert response.json()["error"]["code"] == "invalid_image"


def other_stages(service):
    image = encoded(sketch(64, 64))
    for path in ("/v1/canny", "/v1/upscale?scale=2", "/v1/captions", "/v1/classify"):
        assert service.post(path, data=image).status_code == 200
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [in_base64(image)]}
    response = service.post("/v2/models/preprocess/infer", json={"inputs": [tensor]})
    assert response.status_code == 200, response.text
    assert service.post(GENERATIONS, json={"prompt": PROMPT}).status_code == 200
    assert service.get("/nowhere/at/all").status_code == 404


def test_each_answer_is_counted_by_its_route_and_status(grown):
    def answers(route, status, method="POST"):
        return grown("requests_total", route=route, status=status, method=method)

    assert answers(GENERATIONS, "200") == 3
    assert answers(GENERATIONS, "499") == 1
    assert answers(GENERATIONS, "429") == 1
    assert answers(GENERATIONS, "504") == 1
    assert answers("/caption", "400") == 1
    assert answers("unknown", "404", "GET") == 1
    for route in ("/v1/canny", "/v1/upscale", "/v1/captions", "/v1/classify"):
        assert answers(route, "200") == 1
    assert grown("request_seconds_count", route=GENERATIONS) == 6
    assert grown("request_seconds_count", route=GENERATIONS, status_class="4xx") == 2


def test_what_became_of_the_work(grown):
    assert grown("images_total", kind="generate") == 4
    kinds = ("canny", "upscale", "caption", "classify")
    assert [grown("images_total", kind=kind) for kind in kinds] == [1, 1, 1, 2]
    assert grown("refused_total", kind="generate", reason="deadline_unmet") == 1
    assert grown("errors_total", stage="caption", code="invalid_image") == 1
    outcomes = ("met", "refused", "missed")
    assert [grown("deadlines_total", outcome=outcome) for outcome in outcomes] == [1, 1, 1]


def test_streamed_images_are_counted_in_their_stages(grown):
    assert grown("stage_seconds_count", stage="generate") == 4
    assert grown("eta_error_seconds_count") == 4
    assert grown("previews_sent_total") == 1
    assert grown("rows_cancelled_total") >= 1
    assert 1 <= grown("steps_saved_total") <= 200
    # The deadline that was missed may have been over before the generator was reached, too.
    assert 1 <= grown("rows_rejected_total") <= 2
    started = grown("queue_seconds_count", stage="generate", priority="0")
    assert 5 <= started <= grown("rows_admitted_total")


def test_batches_are_counted_once_and_their_mean_is_right(grown):
    for stage in ("decode", "caption", "upscale", "classify"):
        items = ITEMS[stage]
        assert grown("batch_size_sum", stage=stage) == items
        batches = grown("batch_size_count", stage=stage)
        assert 1 <= batches <= items and grown("batch_seconds_count", stage=stage) == batches


def test_every_step_is_counted_with_its_lanes(grown):
    steps, lanes = grown("step_seconds_count"), grown("step_lanes_sum")
    assert grown("step_lanes_count") == steps >= 3 * STEPS
    assert 2 * steps <= lanes <= 4 * steps, "guided: two lanes an image, of one image or two"
    assert lanes == int(lanes)


def test_gauges_stand_for_what_is_there_now(scrapes):
    _, after = scrapes
    assert after.sum("capacity", kind="caption", deployment="Ingress") == 64
    assert after.sum("pending") == after.sum("queue_depth") == 0
    assert after.sum("slots") in (8, 16), "of each replica, of which there may be two"
    stages = MODEL_STAGES | {"canny", "ingress"}
    assert all(after.sum("process_memory_bytes", stage=stage) > 2**24 for stage in stages)
    models = {
        (labels["stage"], labels["model"], labels["backend"])
        for name, labels, _ in after.series
        if name == "ray_image_model_info"
    }
    assert {stage for stage, _, _ in models} == MODEL_STAGES
    assert ("generate", "controlnet", "openvino-bfloat16") in models
    assert ("caption", "captioner", "onnxruntime-int8") in models


def test_the_services_own_page_has_the_same_series_and_no_others(service, scrapes):
    page = service.get("/metrics")
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert all("ray_image_" in line for line in page.text.splitlines())

    def same():
        here, there = (
            {(name, *sorted(labels.items())): value for name, labels, value in scrape.series}
            for scrape in (Scrape(service, own_page=True), Scrape(service))
        )
        # The scrapes themselves are counted between one and the other.
        stable = {key for key in there if ("route", "/metrics") not in key}
        return here.keys() >= stable and all(here[key] == there[key] for key in stable)

    await_true(same, EXPORTED_WITHIN_S)
    assert Scrape(service, own_page=True).kinds == Scrape(service).kinds


def test_the_table_is_what_is_scraped(scrapes):
    _, after = scrapes
    table, scraped = documented(), after.labels()
    assert scraped.keys() <= table.keys()
    assert {name for name, row in table.items() if not row.rare} <= scraped.keys()
    for name, labels in scraped.items():
        assert labels == table[name].labels | ADDED, name
        assert after.kinds[name] == table[name].kind
