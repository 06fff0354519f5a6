"""What is installed where: one home for each version, and a lock that keeps to the pins."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from serve_app import __version__

ROOT = Path(__file__).parents[2]
LISTS = [path.name for path in (*ROOT.glob("requirements*.txt"), ROOT / "requirements.lock")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def lines(name: str) -> list[str]:
    stripped = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in stripped if line and not line.startswith("-r ")]


def requirements(name: str) -> list[Requirement]:
    return [Requirement(line) for line in lines(name)]


def pins(name: str) -> dict[str, str]:
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in requirements(name)
    }


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_is_one_version_and_stands_once(name):
    found = requirements(name)
    assert all(re.fullmatch(r"==[\w.]+", str(each.specifier)) for each in found)
    assert len(pins(name)) == len(found)


def test_no_requirement_has_two_homes():
    names = [name for each in LISTS if each.endswith(".txt") for name in pins(each)]
    assert len(names) == len(set(names))


def test_what_only_offline_jobs_need_is_an_extra_of_its_own():
    extras = PROJECT["tool"]["setuptools"]["dynamic"]["optional-dependencies"]
    assert extras["service"]["file"] == ["requirements.txt"]
    assert extras["offline"]["file"] == ["requirements.txt", "requirements-offline.txt"]
    service = pins("requirements.txt").keys() | pins("requirements.lock").keys()
    assert not set(pins("requirements-offline.txt")) & service
    dev = (ROOT / "requirements-dev.txt").read_text().splitlines()
    assert {"-r requirements.txt", "-r requirements-offline.txt"} <= set(dev)


def test_the_lock_keeps_to_the_pins_and_holds_more():
    lock, direct = pins("requirements.lock"), pins("requirements.txt")
    assert {name: lock.get(name) for name in direct} == direct
    assert {"uvicorn", "pydantic-core", "aiohttp"} <= set(lock) - set(direct)
    # As constraints they take no extras.
    assert not any(each.extras for each in requirements("requirements.lock"))


@pytest.mark.parametrize("name", LISTS)
def test_no_index_is_named(name):
    assert "://" not in (ROOT / name).read_text()
    assert not [line for line in lines(name) if line.startswith("-")]


def test_the_image_is_built_by_the_lock():
    assert "-c requirements.lock" in (ROOT / "Dockerfile").read_text()


def test_the_client_takes_the_versions_that_the_service_pins():
    direct = pins("requirements.txt")
    for each in map(Requirement, PROJECT["project"]["dependencies"]):
        assert each.specifier.contains(direct[each.name]), each


def test_the_version_has_one_home_and_the_form_of_a_tag():
    assert "version" in PROJECT["project"]["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    headings = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", __version__]
