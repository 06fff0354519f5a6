"""A folder through the engine on Ray Data: broken files, lost processes, and the same pictures."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from serve_app.denoise.trajectory import Work
from serve_app.imaging import codec, masks
from serve_app.imaging.canny import find_edges
from serve_app.imaging.canvas import canvas_of
from serve_app.imaging.edits import SentMask
from serve_app.ingress.conversion import image_generation
from serve_app.ingress.schema import ImageRequest
from serve_app.jobs.folders import options, records
from serve_app.jobs.folders.places import Place
from serve_app.jobs.images.__main__ import JOURNAL, main
from serve_app.model_config import PROJECT_ROOT
from serve_app.runtimes.generator import GeneratorRuntime
from serve_app.runtimes.upscaler import UpscalerRuntime
from tests.images import encoded, pixels, sketch

STEPS = "6"
PROMPT = "a red circle"


@pytest.fixture(scope="module")
def settings():
    return options.service_settings(options.DEFAULT_CONFIG)


def folder_of(path: Path, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        size = ((128, 128), (200, 120), (64, 256))[number % 3]
        sketch(*size).rotate(10 * number).save(path / f"a_red_circle_{number:02}.png")
    return path


def made(out: Path) -> dict[str, np.ndarray]:
    """The pictures of a run by name, signed."""
    names = [record["key"] for record in records.read(Place.of(out / JOURNAL))]
    return {name: pixels(Image.open(out / name)) for name in names}


def told(out: Path) -> list[str]:
    """The key of every record that was ever written, in no order."""
    lines = [line for file in (out / JOURNAL).iterdir() for line in file.read_text().splitlines()]
    return [json.loads(line)["key"] for line in lines]


def summary(out: Path) -> dict:
    return json.loads((out / "run.json").read_text())["summary"]


@pytest.fixture
def one_thread():
    """As an actor and a replica have it: bfloat16 enlarges what another number of them rounds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def served(settings, runtime, image: bytes, name: str, edges: bool) -> np.ndarray:
    """What the service makes of the same request, alone in its batch."""
    body = ImageRequest(
        prompt=name, size="128x128", seed=25, strength=0.75, guidance_scale=7.5,
        num_inference_steps=int(STEPS),
    )  # fmt: skip
    request, composition = image_generation(
        body, settings, None if edges else image, image if edges else None
    )
    limit = settings.limits.max_image_pixels
    if composition.control:
        control = composition.control
        found = codec.decode(control.image, limit, control.size)
        work = Work(request, find_edges(found, control.low_threshold, control.high_threshold))
    else:
        work = Work(request, image=codec.decode(image, limit, (128, 128)))
    with torch.inference_mode():
        return pixels(runtime.decode(denoise(Engine(runtime, 1), [work]))[0])


def test_broken_files_are_failures_and_the_others_the_services_pictures(
    tmp_path, settings, capsys, one_thread
):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    whole = encoded(sketch(300, 200))
    (folder / "a_red_circle.png").write_bytes(whole)
    (folder / "a_red_circle.jpg").write_bytes(encoded(sketch(), "JPEG"))
    (folder / "grid.png").write_bytes(whole)
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    huge = bytearray(whole)
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    (folder / "huge.png").write_bytes(huge)
    (folder / "words.png").write_text("no image")
    (folder / "notes.txt").write_text("no image")
    command = [folder.as_uri(), "-o", out.as_uri(), "--steps", STEPS]
    assert main(command) == 0
    assert "left out: notes.txt" in capsys.readouterr().err
    failures = {
        row["path"]: row["reason"]
        for row in csv.DictReader((out / "failures.csv").read_text().splitlines())
    }
    assert failures.keys() == {"truncated.png", "empty.png", "huge.png", "words.png"}
    assert "100000x100000" in failures["huge.png"] and "truncated" in failures["truncated.png"]
    assert sorted(made(out)) == ["a_red_circle.jpg.png", "a_red_circle.png.png", "grid.png.png"]
    runtime = GeneratorRuntime(settings.models.generator)
    expected = served(settings, runtime, whole, PROMPT, edges=False)
    assert np.abs(made(out)["a_red_circle.png.png"] - expected).max() <= 1
    metrics = list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))
    assert [row["output"] for row in metrics] == sorted(made(out))
    for name in ("read_s", "decode_s", "generate_s", "vae_decode_s", "write_s", "batch_size"):
        assert all(float(row[name]) > 0 for row in metrics), name

    before = {path: path.stat().st_mtime_ns for path in out.glob("*.png.png")}
    assert main(command) == 0
    assert (summary(out)["made"], summary(out)["found"], summary(out)["failed"]) == (0, 3, 4)
    assert before == {path: path.stat().st_mtime_ns for path in before}

    # Other settings, and a changed input, are other pictures.
    (folder / "grid.png").write_bytes(encoded(sketch(128, 128).rotate(90)))
    assert main([*command, "--task", "controlnet", "--caption", "--upscale", "2"]) == 0
    assert summary(out)["made"] == 3
    assert all(
        row["caption"] for row in csv.DictReader((out / "metrics.csv").read_text().splitlines())
    )
    edged = served(settings, runtime, whole, PROMPT, edges=True).astype(np.uint8)
    (enlarged,) = UpscalerRuntime(settings.models.upscaler).upscale([edged], 2)
    assert np.abs(made(out)["a_red_circle.png.png"] - enlarged.astype(int)).max() <= 1


def test_a_manifests_masks_are_those_of_the_service(tmp_path, settings, one_thread):
    image, hole = encoded(sketch(128, 128)), np.zeros((128, 128), np.uint8)
    hole[30:90, 20:70] = 255
    mask = codec.encode(hole)
    (tmp_path / "in.png").write_bytes(image)
    (tmp_path / "mask.png").write_bytes(mask)
    manifest, out = tmp_path / "rows.csv", tmp_path / "out"
    manifest.write_text(
        "image,prompt,name,mask_image,mask_blur,padding_mask_crop\n"
        f"in.png,{PROMPT},whole.png,mask.png,,\n"
        f"in.png,{PROMPT},part.png,mask.png,2,8\n"
        f"in.png,{PROMPT},missing.png,nowhere.png,,\n"
    )
    command = ["--manifest", str(manifest), "-o", str(out), "--steps", STEPS]
    main([*command, "--task", "controlnet-image-to-image"])
    assert sorted(made(out)) == ["part.png", "whole.png"]
    original = pixels(sketch(128, 128))
    assert np.array_equal(made(out)["whole.png"][hole == 0], original[hole == 0])
    runtime = GeneratorRuntime(settings.models.generator)
    body = ImageRequest(prompt=PROMPT, seed=25, guidance_scale=7.5, num_inference_steps=int(STEPS))
    for name, sent in (
        ("whole.png", SentMask(mask, "mask_image")),
        ("part.png", SentMask(mask, "mask_image", 2.0, 8)),
    ):
        request, composition = image_generation(body, settings, image, image, mask=sent)
        limit, control = settings.limits.max_image_pixels, composition.control
        found = masks.pixels_at(control.image, limit, control.size, control.region)
        edges = find_edges(found, control.low_threshold, control.high_threshold)
        canvas = canvas_of(request, limit)
        work = Work(request, edges, canvas.image, canvas.mask)
        with torch.inference_mode():
            (picture,) = runtime.decode(denoise(Engine(runtime, 1), [work]))
        assert np.abs(made(out)[name] - pixels(canvas.finished(picture))).max() <= 1


def test_a_killed_run_goes_on_and_makes_what_an_undisturbed_one_makes(tmp_path):
    count = 28
    folder = folder_of(tmp_path / "in", count)
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    # So few that the actors, which outlive the driver for a moment, cannot finish all.
    command = [str(folder), "--steps", STEPS, "--batch-size", "2"]
    job = subprocess.Popen(
        [sys.executable, "-m", "serve_app.jobs.images", *command, "-o", str(out)],
        cwd=PROJECT_ROOT,
        stderr=subprocess.PIPE,
    )
    records_of = out / JOURNAL
    while not records_of.is_dir() or len(told(out)) < 0.4 * count:
        assert job.poll() is None, job.stderr.read()
        time.sleep(0.02)
    below = psutil.Process(job.pid).children(recursive=True)
    job.kill()
    job.wait()
    job.stderr.close()
    psutil.wait_procs(below, timeout=30)
    at_death = len(told(out))
    assert 0.4 * count <= at_death < count
    assert main([*command, "-o", str(out)]) == 0
    assert (summary(out)["found"], summary(out)["made"]) == (at_death, count - at_death)
    assert sorted(told(out)) == sorted(set(told(out))), "made twice"
    assert main([*command, "-o", str(undisturbed)]) == 0
    again, expected = made(out), made(undisturbed)
    assert again.keys() == expected.keys() and len(again) == count
    assert max(np.abs(again[name] - expected[name]).max() for name in again) <= 1
    assert not [path for path in out.iterdir() if path.name.endswith(".part")]


def test_a_killed_actors_pictures_are_made_again(tmp_path):
    folder, out = folder_of(tmp_path / "in", 24), tmp_path / "out"
    killed = threading.Event()

    def kill_after_the_first() -> None:
        while not ((out / JOURNAL).is_dir() and told(out)):
            time.sleep(0.02)
        for process in psutil.process_iter(["cmdline"]):
            if any("ray::MapWorker" in word for word in process.info["cmdline"] or []):
                os.kill(process.pid, signal.SIGKILL)
                killed.set()

    killer = threading.Thread(target=kill_after_the_first, daemon=True)
    killer.start()
    assert main([str(folder), "-o", str(out), "--steps", STEPS]) == 0
    killer.join(10)
    assert killed.is_set()
    assert (summary(out)["made"], summary(out)["failed"]) == (24, 0)
    assert len(made(out)) == 24


def test_what_cannot_be_is_one_line(tmp_path, capsys):
    folder = folder_of(tmp_path / "in", 1)
    (folder / "model_names.txt").write_text("demo\nno-such-model\n")
    for command in (
        [str(tmp_path / "none"), "-o", str(tmp_path / "out")],
        [str(folder), "-o", str(folder)],
        [str(folder), "-o", str(tmp_path / "out")],
        ["-o", str(tmp_path / "out")],
        [str(folder), "-o", str(tmp_path / "out"), "--upscale", "4", "--size", "1024x1024"],
    ):
        assert main(command) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_model_that_cannot_be_loaded_fails_its_own_pictures(tmp_path):
    folder, out = folder_of(tmp_path / "in", 8), tmp_path / "out"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model_index.json").write_text("{}")
    (folder / "model_names.txt").write_text(f"demo\n{broken}\n")
    assert main([str(folder), "-o", str(out), "--steps", "2"]) == 0
    failures = list(csv.DictReader((out / "failures.csv").read_text().splitlines()))
    assert 0 < len(failures) < 8 and len(failures) + len(made(out)) == 8
    assert all("cannot be loaded" in row["reason"] for row in failures)
    models = {
        row["model"] for row in csv.DictReader((out / "metrics.csv").read_text().splitlines())
    }
    assert models == {"demo"}
