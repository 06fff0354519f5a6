"""Ray's export of several nodes becomes one page of this application's metrics."""

import asyncio

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serve_app.errors import StageUnavailable
from serve_app.ingress.metrics.exported import ExportedMetrics, agents, exported

NODE_1 = """\
# HELP ray_node_cpu_count Total CPUs available on a ray node
# TYPE ray_node_cpu_count gauge
ray_node_cpu_count{ip="10.0.0.1"} 8.0
# HELP ray_image_requests_total Answered requests.
# TYPE ray_image_requests_total counter
ray_image_requests_total{ip="10.0.0.1",application="images",route="/a\\"b",status="200"} 3.0
ray_image_requests_total{ip="10.0.0.1",application="other",route="/x",status="200"} 9.0
# HELP ray_image_step_seconds Time of a denoising step.
# TYPE ray_image_step_seconds histogram
ray_image_step_seconds_bucket{application="images",le="0.1"} 2.0
ray_image_step_seconds_bucket{application="images",le="+Inf"} 5.0
ray_image_step_seconds_count{application="images"} 5.0
ray_image_step_seconds_sum{application="images"} 0.75
"""
NODE_2 = """\
# HELP ray_image_requests_total Answered requests.
# TYPE ray_image_requests_total counter
ray_image_requests_total{ip="10.0.0.2",application="images",route="/a",status="429"} 4.0
# HELP ray_image_pending Images in progress.
# TYPE ray_image_pending gauge
ray_image_pending{application="other"} 1.0
"""


def series(page):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_series_of_all_nodes_stand_under_one_description():
    page = exported([NODE_1, NODE_2], "images").decode()
    found = series(page)
    wanted = series(NODE_1) | series(NODE_2)
    assert found == {
        key: value for key, value in wanted.items() if ("application", "images") in key
    }
    assert len(found) == 6
    assert page.count("# TYPE ray_image_requests_total counter") == 1
    assert "ray_node" not in page and "other" not in page and "pending" not in page


def test_nothing_yet_is_an_empty_page():
    assert exported(["ray_node_cpu_count 8.0\n"], "images") == b""


class Cluster:
    """Agents by their URL: a page, or None where nobody answers."""

    def __init__(self, pages):
        self.pages = pages
        self.asked = []
        self.now = 0.0
        self.metrics = ExportedMetrics(
            lambda: list(pages),
            lambda: "images",
            httpx.MockTransport(self.answer),
            lambda: self.now,
        )

    def answer(self, request):
        self.asked.append(str(request.url))
        page = self.pages[str(request.url)]
        if page is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, text=page)


async def test_agents_are_asked_once_a_second_however_many_ask():
    cluster = Cluster({"http://a/metrics": NODE_1, "http://b/metrics": NODE_2})
    pages = await asyncio.gather(*(cluster.metrics.page() for _ in range(5)))
    assert len(set(pages)) == 1 and len(cluster.asked) == 2
    cluster.now = 2.0
    await cluster.metrics.page()
    assert len(cluster.asked) == 4


async def test_a_silent_node_is_left_out_and_logged_once(caplog):
    cluster = Cluster({"http://a/metrics": NODE_1, "http://b/metrics": None})
    for cluster.now in (0.0, 2.0):
        assert b'"200"' in await cluster.metrics.page()
    (line,) = [line for line in caplog.messages if line.startswith("metrics missing")]
    assert line == "metrics missing agent=http://b/metrics reason=ConnectError"
    cluster.pages["http://b/metrics"] = NODE_2
    cluster.now = 4.0
    assert b'"429"' in await cluster.metrics.page()


async def test_without_any_node_it_is_unavailable_not_empty():
    """An empty page would look like a service that has nothing to say."""
    with pytest.raises(StageUnavailable, match="agent"):
        await Cluster({"http://a/metrics": None}).metrics.page()


def test_the_agents_are_those_of_the_nodes_that_live(monkeypatch):
    nodes = [
        {"Alive": True, "NodeManagerAddress": "10.0.0.1", "MetricsExportPort": 8080},
        {"Alive": True, "NodeManagerAddress": "fd00::1", "MetricsExportPort": 8080},
        {"Alive": False, "NodeManagerAddress": "10.0.0.3", "MetricsExportPort": 8080},
    ]
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    assert agents() == ["http://10.0.0.1:8080/metrics", "http://[fd00::1]:8080/metrics"]
