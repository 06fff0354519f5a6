"""Compose's file, as far as it can be judged without an engine."""

import re
from pathlib import Path

import yaml

FOLDER = Path(__file__).parents[3] / "deploy"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def test_images_are_pinned_and_the_service_is_built_from_this_repository():
    assert set(SERVICES) == {"images", "prometheus", "grafana"}
    for name in ("prometheus", "grafana"):
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])
    assert (FOLDER / SERVICES["images"]["build"]["context"] / "Dockerfile").is_file()


def test_only_this_machine_reaches_them():
    for service in SERVICES.values():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:")


def test_what_is_mounted_is_there():
    for service in SERVICES.values():
        for source, *_ in (volume.split(":") for volume in service["volumes"]):
            there = (
                (FOLDER / source).exists()
                if source.startswith(".")
                else source in COMPOSE["volumes"]
            )
            assert there, source


def test_prometheus_reads_rays_file_where_ray_writes_it():
    """The discovery file is an absolute link, so both have it under one path."""
    paths = {
        volume.split(":")[1]
        for name in ("images", "prometheus")
        for volume in SERVICES[name]["volumes"]
        if volume.startswith("ray:")
    }
    assert paths == {"/tmp"}
    scrapes = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text())
    files = scrapes["scrape_configs"][0]["file_sd_configs"][0]["files"]
    assert files == ["/tmp/ray/prom_metrics_service_discovery.json"]
