"""Watching a deployment grow and shrink, at a small server that scales as told."""

import asyncio
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from loadtest.autoscaling import Watch, quickened, summary
from loadtest.autoscaling_plot import draw

ROOT = Path(__file__).parents[3]


class Scaling:
    """One replica for each four requests in flight, between 1 and 2."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.stuck = False
        self.status = 200

    async def caption(self, request: web.Request) -> web.Response:
        await request.read()
        self.in_flight += 1
        await asyncio.sleep(0.05)
        self.in_flight -= 1
        return web.json_response({"caption": "a"}, status=self.status)

    async def status_of(self, request: web.Request) -> web.Response:
        replicas = 1 if self.in_flight < 4 or self.stuck else 2
        report = {"running": replicas, "target": replicas, "status": "HEALTHY"}
        return web.json_response({"deployments": {"Captioner": report}})


@pytest.fixture
async def scaling():
    scaling = Scaling()
    app = web.Application()
    app.router.add_post("/v1/captions", scaling.caption)
    app.router.add_get("/v1/status", scaling.status_of)
    server = TestServer(app)
    await server.start_server()
    scaling.url = str(server.make_url("/"))
    yield scaling
    await server.close()


async def watched(scaling, limit_s=10.0):
    watch = Watch(scaling.url, "Captioner")
    moments = await watch.run(1, 2, clients=8, hold_s=0.5, limit_s=limit_s)
    return watch, summary(watch, moments)


async def test_growth_and_return_are_seen(scaling, tmp_path):
    watch, told = await watched(scaling)
    assert told["at_maximum_s"] < told["load_ended_s"] < told["at_minimum_s"]
    assert told["most_running"] == 2
    assert told["failed"] == {}
    assert told["requests"] == len(watch.answers) > 8
    with Image.open(draw(watch.samples, watch.answers, "Captioner", tmp_path / "p.png")) as plot:
        assert plot.width > 500


async def test_a_deployment_that_does_not_grow_is_told(scaling):
    scaling.stuck = True
    _, told = await watched(scaling, limit_s=1.0)
    assert told["at_maximum_s"] is None


async def test_failures_are_counted(scaling):
    scaling.status = 500
    _, told = await watched(scaling)
    assert told["failed"] == {"500": told["requests"]}
    assert told["latency_ms"] is None


def test_only_the_delays_of_one_deployment_change():
    before = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    config, least, most = quickened(
        yaml.safe_load((ROOT / "serve_config.yaml").read_text()), "Captioner"
    )
    assert (least, most) == (1, 2)
    changed = [
        now["name"]
        for now, then in zip(
            config["applications"][0]["deployments"],
            before["applications"][0]["deployments"],
            strict=True,
        )
        if now != then
    ]
    assert changed == ["Captioner"]
