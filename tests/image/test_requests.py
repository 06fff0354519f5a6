"""One container, as it is started by default, and what it answers."""

import pytest

from tests.e2e.test_service import (  # noqa: F401
    test_a_controlnet_client_as_it_is_written,
    test_single_stages,
    test_the_whole_composition_in_one_request,
)
from tests.e2e.test_sizes import *  # noqa: F403
from tests.images import PROMPT, from_base64


@pytest.fixture(scope="module")
def service(started):
    with started() as running:
        yield running


def test_its_health_check_passes(service, health_check):
    done = service.execute(*health_check)
    assert done.returncode == 0, done.stderr


def test_a_picture_from_text_alone(service):
    response = service.post("/v1/images/generations", json={"prompt": PROMPT, "seed": 7})
    assert response.status_code == 200, response.text
    assert from_base64(response.json()["data"][0]["b64_json"]).size == (128, 128)


def test_the_service_cannot_write_code(service):
    assert service.execute("id", "-un").stdout.strip() == "app"
    found = service.execute("find", "/app", "/usr", "-writable", "-not", "-type", "l")
    assert found.returncode == 0 and not found.stdout, found


def test_no_training_code_and_no_compiler_is_in_it(service):
    assert service.execute("ls", "/app/demo").stdout.split() == ["weights"]
    assert not set(service.execute("ls", "/app").stdout.split()) & {"tests", "loadtest", "docs"}
    for compiler in ("cc", "c++", "gcc", "g++", "clang", "ld"):
        assert service.execute("which", compiler).returncode == 1, compiler


def test_nothing_was_converted_at_its_start(service):
    cache = "/home/app/.cache"
    assert service.execute("ls", "-A", cache).stdout.split() == ["image-server"]
    kept = service.execute("ls", f"{cache}/image-server/networks").stdout.split()
    assert {name.rpartition("-")[2] for name in kept} == {"openvino", "int8"}
    changed = service.changed_files()
    assert "/tmp/ray" in changed
    assert not [path for path in changed if path.endswith((".onnx", ".xml"))]
