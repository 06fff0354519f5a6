"""The record, which other jobs may write and runtimes read meanwhile."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from serve_app.jobs.optimise import report
from serve_app.runtimes import verdicts
from serve_app.runtimes.placement import Placed

CPU = Placed(torch.device("cpu"), torch.float32)


def verdict(backend: str, value: float = 1.0, **other: str) -> dict[str, object]:
    about = verdicts.key("captioner", other.pop("weights", "some"), backend, CPU)
    rest = {"passed": True, "failures": [], "measured": {"speed_1": value}}
    return about | {"machine": "here"} | other | rest


def test_a_verdict_replaces_the_one_on_the_same_and_no_other(tmp_path):
    path = tmp_path / "folder" / "own.json"
    kept = [
        verdict("compile", machine="elsewhere"),
        verdict("compile", weights="other"),
        verdict("openvino"),
    ]
    for each in (verdict("compile"), *kept, verdict("compile", 4.04142)):
        report.record(path, each)
    key = json.dumps
    assert sorted(verdicts.recorded(path), key=key) == sorted(
        [*kept, verdict("compile", 4.04)], key=key
    )
    assert [each.name for each in path.parent.iterdir()] == ["own.json"]


def test_jobs_at_once_lose_no_verdict(tmp_path):
    path = tmp_path / "own.json"
    with ProcessPoolExecutor(4, get_context("fork")) as jobs:
        list(jobs.map(record_ten, [(path, worker) for worker in range(4)]))
    assert {each["backend"] for each in verdicts.recorded(path)} == {
        f"{worker} {number}" for worker in range(4) for number in range(10)
    }


def record_ten(asked: tuple[Path, int]) -> None:
    path, worker = asked
    for number in range(10):
        report.record(path, verdict(f"{worker} {number}"))


def test_the_table_says_what_was_measured_and_why_it_failed():
    numbers = dict.fromkeys(report._COLUMNS, 1.234) | {"psnr_db": 39.0}
    failed = verdict("openvino") | {"passed": False, "failures": ["psnr_db 39.0 is below 40"]}
    lines = report.table([failed | {"measured": numbers}]).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "| captioner | openvino | float32 | 1.23 |" in lines[-1]
    assert lines[-1].endswith("| psnr_db 39 | failed: psnr_db 39.0 is below 40 |")
