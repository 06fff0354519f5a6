"""The service on two nodes: both proxies answer, and one node's end loses no request."""

import asyncio
import io
import time
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import requests
from PIL import Image

from serve_app.client import Client
from serve_app.model_config import PROJECT_ROOT
from tests.images import PROMPT, pixels
from tests.nodes.configuration import for_two_nodes
from tests.nodes.conftest import HEAD, SECOND
from tests.nodes.load import Load

START_LIMIT_S = 240
AFTER_S = 30
ROUTES = {
    "generation", "stream", "stream with previews", "edit", "v2",
    "captions", "upscale", "canny", "classify",
}  # fmt: skip
URLS = {"head": f"http://{HEAD}:8000", "second": f"http://{SECOND}:8000"}


def running() -> dict[str, int]:
    """Replicas by deployment, as the head's proxy knows them; {} where nothing is known."""
    try:
        answer = requests.get(f"{URLS['head']}/v1/status", timeout=10)
        deployments = answer.json()["deployments"]
    except (requests.RequestException, KeyError):
        return {}
    return {deployment: each["running"] for deployment, each in deployments.items()}


def await_replicas(count: int) -> None:
    """Until every deployment has so many."""
    began = time.monotonic()
    while set((now := running()).values()) != {count}:
        assert time.monotonic() - began < START_LIMIT_S, f"not within {START_LIMIT_S} s: {now}"
        time.sleep(0.5)
    print(f"{count} replicas of each after {time.monotonic() - began:.0f} s")


def deploy(cluster, **application) -> None:
    config = for_two_nodes(cluster.shared / "service.yaml", **application)
    cluster.head.run("serve", "deploy", config)
    await_replicas(2)


@pytest.fixture(scope="module")
def service(cluster):
    """Both nodes have the code, as from a container image."""
    cluster.second.install()
    deploy(cluster)
    yield
    print(cluster.serve_logs())


async def loaded_while(end, clients: dict[str, int]) -> tuple[Load, float]:
    """The load during which `end()` takes a node away, and when it did."""
    load, ended_s = Load(URLS), 0.0

    async def script():
        nonlocal ended_s
        async with asyncio.timeout(120):
            while any(len(load.answers[name]) < 20 for name in clients):
                await asyncio.sleep(0.2)
        ended_s = load.now()
        end()
        await asyncio.sleep(AFTER_S)

    await load.run(clients, script)
    answers = load.answers["head"]
    slowest = max(each.seconds for each in answers if each.sent_s + each.seconds > ended_s)
    before = max(each.seconds for each in answers if each.sent_s + each.seconds <= ended_s)
    print(
        f"by the surviving proxy {len(answers)} requests, {len(load.bad('head'))} lost; the "
        f"slowest took {slowest:.1f} s, before it {before:.1f} s"
    )
    return load, ended_s


def test_both_proxies_make_the_same_picture(service):
    made = []
    for url in URLS.values():
        with Client(url) as client:
            made += [client.generate(PROMPT, seed=7).image.data for _ in range(3)]
            made += [client.generate(PROMPT, seed=7, on_progress=lambda _: None).image.data]
    pictures = [pixels(Image.open(io.BytesIO(data))) for data in made]
    assert max(np.abs(each - pictures[0]).max() for each in pictures) <= 1


async def test_a_node_that_is_killed_under_load_loses_no_request(cluster, service):
    load, ended_s = await loaded_while(cluster.second.end, {"head": 6, "second": 3})
    assert not load.bad("head")
    assert {each.route for each in load.answers["head"]} == ROUTES
    assert {status for _, status in load.health} == {200}
    assert set(running().values()) == {1}
    # Its own clients are told at once, and may ask the other proxy.
    for each in load.bad("second"):
        assert each.outcome in ("connection", "broken off")
        assert (each.sent_s + each.seconds >= ended_s and each.sent_s < ended_s) or each.seconds < 5
    cluster.join()
    await asyncio.to_thread(await_replicas, 2)


@pytest.mark.slow
async def test_a_node_that_loses_power_under_load_loses_no_request(cluster, service):
    def end():
        cluster.cable.pull()
        cluster.second.end()

    load, _ = await loaded_while(end, {"head": 6})
    assert not load.bad("head")
    assert set(running().values()) == {1}
    cluster.cable.plug()


def zipped(path: Path) -> Path:
    """The code, the demo's weights, and nothing else."""
    with ZipFile(path, "w") as archive:
        for top in ("serve_app", "demo"):
            for file in (PROJECT_ROOT / top).rglob("*"):
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(PROJECT_ROOT))
    return path


@pytest.mark.slow
def test_the_code_travels_with_the_application(cluster, service):
    cluster.second.end()
    cluster.join(without_code=True, proxy_errors=False)
    code = zipped(cluster.shared / "code.zip")
    deploy(cluster, runtime_env={"working_dir": code.as_uri()})
    test_both_proxies_make_the_same_picture(service)
