"""Our own client against the served demo: as a library, and as commands in a subprocess."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serve_app.client import (
    AsyncClient,
    Client,
    Completed,
    PartialImage,
    Progress,
    Refused,
    Unreachable,
)
from tests.e2e.conftest import free_port
from tests.images import PROMPT, encoded, jpeg, size_of, sketch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client(service):
    with Client(service.url) as client:
        yield client


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_the_whole_composition(client):
    made = client.generate(PROMPT, jpeg(), n=2, seed=9, upscale=4, caption=True)
    assert [image.seed for image in made.images] == [9, 10]
    assert made.size == opened(made.image.data).size == (512, 512)
    assert made.image.caption and made.request_id
    assert {"queue", "canny", "generate", "upscale", "caption"} <= set(made.timings)


def test_previews_and_progress_come_before_the_result(client):
    events = list(client.stream(PROMPT, jpeg(), seed=5, previews=3))
    previews = [event for event in events if isinstance(event, PartialImage)]
    assert len(previews) >= 2 and opened(previews[0].data).size == previews[0].size
    steps = [event.step for event in events if isinstance(event, Progress)]
    assert steps == sorted(steps) and len(set(steps)) > 5
    assert isinstance(events[-1], Completed) and len(events) == len(steps) + 1
    assert events[-1].image.data == client.generate(PROMPT, jpeg(), seed=5).image.data


def test_an_edit(client):
    seen = []
    made = client.edit(encoded(sketch(128, 128)), PROMPT, strength=0.6, on_progress=seen.append)
    assert opened(made.image.data).size == made.size == (128, 128)
    assert seen[-1].step <= seen[-1].num_inference_steps


def test_an_edit_of_what_a_mask_covers_along_edges(client):
    image = sketch(200, 200)
    mask = np.zeros((200, 200), np.uint8)
    mask[30:160, 10:100] = 255
    made = client.edit(
        encoded(image), PROMPT, mask_image=encoded(Image.fromarray(mask)), control_image=jpeg(),
        mask_blur=2, padding_mask_crop=8, upscale=2, seed=1,
    )  # fmt: skip
    assert opened(made.image.data).size == made.size == (400, 400)
    plain = client.edit(encoded(image), PROMPT, mask_image=encoded(Image.fromarray(mask)), seed=1)
    untouched = mask == 0
    edited = np.asarray(opened(plain.image.data))
    assert np.array_equal(edited[untouched], np.asarray(image)[untouched])


def test_a_wait_for_a_job_survives_the_ingress_that_answers(service, client):
    begun = client.jobs.start(PROMPT, jpeg(), seed=5, n=2, num_inference_steps=100)
    steps = []

    def on_progress(event):
        steps.append(event.step)
        if len(steps) == 3:
            service.replica("Ingress").kill()

    made = client.jobs.wait(begun.id, on_progress=on_progress)
    assert [image.seed for image in made.images] == [5, 6] and len(steps) > 3
    assert client.jobs.state(begun.id).generation.image.data == made.image.data
    assert begun.id in [job.id for job in client.jobs.listed()]
    service.await_healthy()


def test_a_cancelled_job(client):
    begun = client.jobs.start(PROMPT, num_inference_steps=100, n=4)
    assert client.jobs.cancel(begun.id).status == "cancelled"
    with pytest.raises(Refused, match="cancelled"):
        client.jobs.wait(begun.id)


async def test_the_same_without_blocking(service):
    async with AsyncClient(service.url) as client:
        plain = await client.generate(PROMPT, jpeg(), seed=5)
        seen = []
        watched = await client.generate(PROMPT, jpeg(), seed=5, previews=2, on_progress=seen.append)
        assert watched.image.data == plain.image.data
        assert sum(isinstance(event, PartialImage) for event in seen) == 2
        assert (await client.models()) == ("demo",)


def test_single_stages(client):
    image = encoded(sketch(100, 60))
    assert opened(client.canny(image, low_threshold=50, high_threshold=100).data).size == (100, 60)
    large = client.upscale(image, scale=2, output_format="jpeg")
    assert opened(large.data).format == "JPEG" and opened(large.data).size == (200, 120)
    assert large.timings["upscale"] > 0
    assert client.caption(image).text
    assert client.health().stages["Generator"].replicas >= 1


def test_a_deadline_that_cannot_be_met_is_refused_at_once(client):
    began = time.monotonic()
    with pytest.raises(Refused) as refused:
        client.generate(PROMPT, num_inference_steps=100, deadline_ms=500)
    assert (refused.value.status, refused.value.code) == (429, "deadline_unmet")
    assert time.monotonic() - began < 1


def test_a_refusal_names_the_field(client):
    with pytest.raises(Refused) as refused:
        client.generate(PROMPT, size="100x100")
    assert (refused.value.status, refused.value.param) == (400, "size")
    assert refused.value.request_id


def test_a_stopped_server():
    with Client(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(Unreachable):
        client.generate(PROMPT)


# the command line


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "serve_app.client", *arguments],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def assert_one_line(done, code, word):
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1 and word in done.stderr


def test_generate_with_previews(service, tmp_path):
    (tmp_path / "sketch.png").write_bytes(encoded(sketch()))
    done = run(
        tmp_path, "generate", "--prompt", PROMPT, "--image", "sketch.png", "--seed", "7",
        "--upscale", "4", "--caption", "--previews", "previews", "-o", "out.png",
        "--url", service.url,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("out.png seed=7 ") and len(done.stdout.split()) > 3
    assert size_of(tmp_path / "out.png") == (512, 512)
    assert len([size_of(path) for path in (tmp_path / "previews").iterdir()]) >= 2


def test_a_detached_job(service, tmp_path):
    asked = ("--prompt", PROMPT, "--seed", "7", "--url", service.url)
    begun = run(tmp_path, "generate", *asked, "--detach", "-o", "x.png")
    assert begun.returncode == 0, begun.stderr
    job = ("job", begun.stdout.strip(), "--url", service.url)
    waited = run(tmp_path, *job, "--wait", "-o", "later.png")
    assert (waited.returncode, waited.stdout) == (0, "later.png seed=7\n"), waited.stderr
    assert run(tmp_path, *job).stdout == "succeeded\n"
    assert run(tmp_path, "generate", *asked, "-o", "now.png").returncode == 0
    later, now = (opened((tmp_path / name).read_bytes()) for name in ("later.png", "now.png"))
    assert np.array_equal(later, now)


def test_single_stage_commands(service, tmp_path):
    (tmp_path / "sketch.png").write_bytes(encoded(sketch(100, 60)))
    for command in ("canny", "upscale", "caption"):
        done = run(tmp_path, "--url", service.url, command, "sketch.png")
        assert done.returncode == 0 and done.stdout, done.stderr
    assert size_of(tmp_path / "edges.png") == (100, 60)
    assert size_of(tmp_path / "large.png") == (400, 240)
    assert run(tmp_path, "--url", service.url, "models").stdout == "demo\n"


def test_what_goes_wrong_is_one_line_and_an_exit_code(service, tmp_path):
    missing = run(tmp_path, "caption", "missing.png", "--url", service.url)
    assert_one_line(missing, 2, "missing.png")
    refused = run(tmp_path, "generate", "--prompt", "x", "--size", "100x100", "--url", service.url)
    assert_one_line(refused, 3, "size")
    stopped = f"http://127.0.0.1:{free_port()}"
    assert_one_line(run(tmp_path, "generate", "--prompt", "x", "--url", stopped), 4, stopped)
    assert not list(tmp_path.iterdir())
