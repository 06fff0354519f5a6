"""The command line: files written, one line for what goes wrong, and its exit code."""

import io
from functools import partial

import httpx
import pytest

from serve_app.client import Client, Progress, arguments, files
from serve_app.client.__main__ import main
from serve_app.client.bar import StepsBar
from tests.unit.client.service import FAILED, PNG, Service, event, refusal, streaming

GENERATE = ("generate", "--prompt", "x")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGES_API_KEY", raising=False)
    (tmp_path / "in.png").write_bytes(PNG)
    return tmp_path


def run(service, *argv):
    return main(list(argv), partial(Client, transport=service.transport, sleep=service.sleep))


def done(seed=7, caption=None):
    return event("completed", seed=seed, step=4, caption=caption)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_generate_writes_the_image_and_says_so(folder, capsys):
    service = Service(streaming(event("progress"), done(caption="a dot")))
    argv = ("--image", "in.png", "--seed", "7", "--upscale", "4", "--caption", "-o", "out.jpg")
    assert run(service, *GENERATE, *argv) == 0
    assert (folder / "out.jpg").read_bytes() == PNG
    assert capsys.readouterr() == ("out.jpg seed=7 a dot\n", "")
    sent = service.bodies[0]
    assert sent["output_format"] == "jpeg" and sent["upscale"] == 4 and sent["caption"] is True
    assert sent["control_image"] and "guidance_scale" not in sent


def test_several_images_are_numbered(folder, capsys):
    assert run(Service(streaming(done(8), done(7))), *GENERATE, "-n", "2", "--seed", "7") == 0
    assert names(folder) == ["in.png", "out-1.png", "out-2.png"]
    assert capsys.readouterr().out == "out-1.png seed=7\nout-2.png seed=8\n"


def test_previews_are_saved(folder):
    previews = [event("partial_image", partial_image_index=index) for index in range(2)]
    service = Service(streaming(*previews, done()))
    assert run(service, *GENERATE, "--previews", "a/b") == 0
    assert service.bodies[0]["partial_images"] == 3
    assert names(folder / "a" / "b") == ["out-seed-7-preview-1.png", "out-seed-7-preview-2.png"]


def test_edit(folder):
    service = Service(streaming(done()))
    argv = ("edit", "in.png", "--prompt", "x", "--strength", "0.5", "--no-latent-clamp")
    assert run(service, *argv) == 0
    form = service.requests[0].content
    assert b'name="strength"\r\n\r\n0.5' in form and b'name="latent_clamp"\r\n\r\nfalse' in form


def test_single_stages(folder, capsys):
    def made():
        return httpx.Response(200, content=PNG, headers={"Content-Type": "image/png"})

    assert run(Service(made()), "canny", "in.png") == 0
    assert run(Service(made()), "upscale", "in.png", "--scale", "2", "-o", "big.webp") == 0
    words = {"caption": "a dot", "timings": {}}
    assert run(Service(httpx.Response(200, json=words)), "caption", "in.png") == 0
    classes = {"label": "b", "probabilities": {"a": 0.1, "b": 0.9}}
    assert run(Service(httpx.Response(200, json=classes)), "classify", "in.png") == 0
    listed = {"data": [{"id": "demo"}]}
    assert run(Service(httpx.Response(200, json=listed)), "models") == 0
    said = "edges.png\nbig.webp\na dot\nb 0.900\na 0.100\ndemo\n"
    assert capsys.readouterr() == (said, "")
    assert names(folder) == ["big.webp", "edges.png", "in.png"]


def test_the_key_comes_from_the_option_or_the_environment(monkeypatch):
    def key(*argv):
        service = Service(httpx.Response(200, json={"data": []}))
        assert run(service, *argv) == 0
        return service.requests[0].headers.get("authorization")

    assert key("models") is None
    monkeypatch.setenv("IMAGES_API_KEY", "mine")
    assert key("models") == "Bearer mine"
    assert key("--api-key", "other", "models") == key("models", "--api-key", "other")


# what goes wrong


def assert_one_line(capsys, word):
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.endswith("\n")
    assert word in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        ((), "command"),
        (("paint",), "paint"),
        (("generate",), "--prompt"),
        ((*GENERATE, "-n", "0"), "'0'"),
        ((*GENERATE, "--seed", "abc"), "--seed"),
        ((*GENERATE, "--upscale", "3"), "--upscale"),
        (("upscale", "in.png", "--scale", "1"), "--scale"),
    ],
)
def test_a_command_line_that_makes_no_sense(argv, word, capsys):
    with pytest.raises(SystemExit) as exit:
        run(Service(), *argv)
    assert exit.value.code == 2
    assert_one_line(capsys, word)


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (("caption", "missing.png"), "missing.png"),
        (("caption", "."), "directory"),
        ((*GENERATE, "--image", "missing.png"), "missing.png"),
        ((*GENERATE, "-o", "out.gif"), "out.gif"),
        ((*GENERATE, "-o", "nowhere/out.png"), "nowhere"),
        ((*GENERATE, "--previews", "in.png"), "in.png"),
        ((*GENERATE, "--guidance-scale", "nan"), "JSON"),
        (("generate", "--prompt", "\udcff"), "utf-8"),
        (("canny", "in.png", "-o", "edges.jpg"), "PNG"),
        (("models", "--url", "localhost"), "localhost"),
        (("models", "--api-key", "a\nb"), "key"),
    ],
)
def test_bad_input_asks_nothing_of_the_service(argv, word, capsys, folder):
    service = Service()
    assert run(service, *argv) == 2
    assert_one_line(capsys, word)
    assert service.requests == [] and names(folder) == ["in.png"]


@pytest.mark.parametrize(
    ("answers", "code", "word"),
    [
        ([refusal(400)], 3, "400 queue_full, n"),
        ([refusal(429, 1)] * 6, 3, "429"),
        ([streaming(event("progress"), FAILED)], 3, "timed_out"),
        ([httpx.ConnectError("connection refused")], 4, "http://127.0.0.1:8000"),
        ([streaming(event("progress"), error=httpx.ReadError("reset"))], 4, "lost"),
        ([httpx.Response(200, text="hello")], 4, "ended"),
    ],
)
def test_refused_and_unreachable(answers, code, word, capsys, folder):
    assert run(Service(*answers), *GENERATE) == code
    assert_one_line(capsys, word)
    assert names(folder) == ["in.png"]


def test_interrupted_quietly(capsys):
    service = Service()
    service.transport = httpx.MockTransport(
        lambda request: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert run(service, *GENERATE) == 130
    assert capsys.readouterr() == ("", "")


# pieces


def test_a_write_that_fails_leaves_what_was_there(folder, monkeypatch):
    def half(path, data):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    (folder / "out.png").write_bytes(b"before")
    with monkeypatch.context() as patched:
        patched.setattr(files.Path, "write_bytes", half)
        with pytest.raises(files.BadInput, match="No space"):
            files.write(folder / "out.png", b"after")
    assert (folder / "out.png").read_bytes() == b"before"
    assert names(folder) == ["in.png", "out.png"]


def test_every_option_of_a_generation_can_be_given():
    given = vars(arguments.parse(list(GENERATE)))
    fixed = {"user", "output_format"}  # the output file's ending names the format
    assert set(arguments.Options.__annotations__) - set(given) == fixed


def test_the_bar_shows_steps_seconds_and_the_place_in_the_queue():
    shown = io.StringIO()
    with StepsBar(2, shown, always=True) as bar:
        bar.follow(Progress(7, 0, 4, 3.0, 2))
        bar.follow(Progress(7, 3, 4, 1.5, 0))
        bar.follow(Progress(8, 2, 4, 2.5, 0))
    assert "0/8 steps, number 2 in the queue, 3.0 s left" in shown.getvalue()
    assert "5/8 steps, 2.5 s left" in shown.getvalue()
