"""The command `job`, and `--detach`."""

import json

import pytest

from tests.unit.client.command_line import GENERATE, done, names, run
from tests.unit.client.service import ERROR, FAILED, PNG, Service, event, streaming
from tests.unit.client.service import job_of as job

pytestmark = pytest.mark.usefixtures("folder")


def test_detached_work_prints_the_id_of_its_job(folder, capsys):
    service = Service(job("queued", code=202), job("queued", code=202))
    assert run(service, *GENERATE, "--image", "in.png", "--detach", "-o", "out.jpg") == 0
    assert run(service, "edit", "in.png", "--prompt", "x", "--mask", "in.png", "--detach") == 0
    assert capsys.readouterr() == ("abc\nabc\n", "")
    assert json.loads(service.requests[0].content)["output_format"] == "jpeg"
    assert b'name="mask"' in service.requests[1].content
    assert names(folder) == ["in.png"]
    assert run(Service(), *GENERATE, "--detach", "--previews", "p") == 2


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (job("queued", queue_position=3), "queued, step 0 of 4, number 3 in the queue, 1.5 s left"),
        (job("running", step=2), "running, step 2 of 4, 1.5 s left"),
        (job("succeeded"), "succeeded"),
        (job("failed", error=ERROR), "failed: at most 64 images"),
    ],
)
def test_how_it_stands(state, line, capsys):
    assert run(Service(state), "job", "abc") == 0
    assert capsys.readouterr() == (f"{line}\n", "")


def test_waiting_saves_the_images(folder, capsys):
    assert run(Service(streaming(event("progress"), done(8), done(7))), "job", "abc", "--wait") == 0
    assert names(folder) == ["in.png", "out-1.png", "out-2.png"]
    assert (folder / "out-1.png").read_bytes() == PNG
    assert capsys.readouterr().out == "out-1.png seed=7\nout-2.png seed=8\n"
    assert run(Service(streaming(done())), "job", "abc", "--wait", "-o", "x.jpg") == 2
    assert "png" in capsys.readouterr().err
    assert run(Service(streaming(FAILED)), "job", "abc", "--wait") == 3


def test_cancelling(capsys):
    service = Service(job("cancelled"))
    assert run(service, "job", "abc", "--cancel") == 0
    assert service.requests[0].method == "DELETE"
    assert capsys.readouterr().out == "cancelled\n"
    with pytest.raises(SystemExit):
        run(Service(), "job", "abc", "--cancel", "--wait")
