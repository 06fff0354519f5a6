"""One reader of which replicas run: shared, quick to answer, and right for as long as it says."""

import asyncio
import threading
import time

import pytest
from ray.serve.schema import (
    ApplicationStatusOverview,
    DeploymentStatus,
    DeploymentStatusOverview,
    ReplicaState,
    ServeStatus,
)

from serve_app.errors import StageUnavailable
from serve_app.ingress import replicas
from serve_app.ingress.replicas import DeploymentReport, Replicas
from tests import fakes


class Controller:
    """Answers at once, or only when it is back; `now` is the time."""

    def __init__(self):
        self.now = 1000.0
        self.asked = 0
        self.running = {"Canny": 1}
        self.back = threading.Event()
        self.back.set()
        self.fault = None
        self.replicas = Replicas(self.read, lambda: self.now)

    def read(self):
        self.asked += 1
        self.back.wait(10)
        if self.fault:
            raise self.fault
        return fakes.reports(self.running)

    async def running_now(self):
        return {name: each.running for name, each in (await self.replicas.reports()).items()}


@pytest.fixture
def controller(monkeypatch):
    monkeypatch.setattr(replicas, "WAIT_S", 0.02)
    controller = Controller()
    yield controller
    controller.back.set()


async def test_the_controller_is_asked_once_a_second_however_many_look(controller):
    for _ in range(20):
        await asyncio.gather(*(controller.replicas.reports() for _ in range(20)))
    assert controller.asked == 1
    controller.running["Canny"] = 2
    controller.now += replicas.FRESH_S + 0.1
    assert await controller.running_now() == {"Canny": 2}
    assert controller.asked == 2


async def test_while_the_controller_is_away_what_it_said_last_counts(controller):
    await controller.replicas.reports()
    controller.back.clear()
    controller.now += 2
    began = time.perf_counter()
    answers = await asyncio.gather(*(controller.running_now() for _ in range(20)))
    assert answers == [{"Canny": 1}] * 20
    assert time.perf_counter() - began < 1, "twenty wait together, not in turn"
    for _ in range(20):
        controller.now += 1
        assert await controller.running_now() == {"Canny": 1}
    assert controller.asked == 2, "one question waits"


async def test_nobody_waits_for_a_question_that_was_put_long_ago(controller):
    await controller.replicas.reports()
    controller.back.clear()
    controller.now += 2
    await controller.replicas.reports()
    controller.now += 1
    answered = asyncio.ensure_future(controller.replicas.reports())
    await asyncio.sleep(0)
    assert answered.done()


async def test_what_is_too_old_does_not_count_until_the_controller_is_back(controller):
    await controller.replicas.reports()
    controller.back.clear()
    controller.now += replicas.COUNTS_S + 1
    with pytest.raises(StageUnavailable):
        await controller.replicas.reports()
    controller.back.set()
    controller.now += 31  # by then the question is put again, should the first be lost
    assert await controller.running_now() == {"Canny": 1}


async def test_nothing_is_known_before_the_first_answer(controller):
    controller.back.clear()
    with pytest.raises(StageUnavailable):
        await controller.replicas.reports()


async def test_a_controller_that_fails_is_one_that_is_away(controller):
    await controller.replicas.reports()
    controller.fault = RuntimeError("the actor is unavailable")
    controller.now += 2
    assert await controller.running_now() == {"Canny": 1}
    assert await controller.running_now() == {"Canny": 1}
    assert controller.asked == 2, "not asked again at once"
    controller.fault = None
    controller.running["Canny"] = 0
    controller.now += 2
    assert await controller.running_now() == {"Canny": 0}


async def test_a_client_that_leaves_takes_no_answer_from_others(controller):
    controller.back.clear()
    leaving, staying = (asyncio.ensure_future(controller.running_now()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    controller.back.set()
    assert await staying == {"Canny": 1}


def overview(state, **replicas):
    counts = {ReplicaState[name]: count for name, count in replicas.items()}
    return DeploymentStatusOverview(DeploymentStatus(state), "CONFIG_UPDATE_STARTED", counts, "")


def serve_status(**deployments):
    app = ApplicationStatusOverview("RUNNING", "", 0.0, deployments)
    return ServeStatus(applications={"images": app})


def test_a_replica_that_stops_is_no_longer_wanted_and_one_that_starts_is():
    reports = replicas.read_deployments(
        serve_status(
            Canny=overview("HEALTHY", RUNNING=1),
            Generator=overview("UPSCALING", RUNNING=1, STARTING=1, STOPPING=2),
            Captioner=overview("UPDATING", STARTING=1),
        ),
        "images",
    )
    assert reports == {
        "Canny": DeploymentReport(status="HEALTHY", running=1, target=1),
        "Generator": DeploymentReport(status="UPSCALING", running=1, target=2),
        "Captioner": DeploymentReport(status="UPDATING", running=0, target=1),
    }


def test_a_replica_that_a_restarted_controller_looks_for_serves_on():
    found = replicas.read_deployments(
        serve_status(Canny=overview("HEALTHY", RECOVERING=1)), "images"
    )
    assert found["Canny"].running == 1


def test_a_controller_that_knows_no_deployment_yet_says_nothing():
    for status in (ServeStatus(), serve_status()):
        with pytest.raises(LookupError):
            replicas.read_deployments(status, "images")
