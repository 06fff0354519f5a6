"""The command line: one line for what goes wrong, and its exit code."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.unit.client.command_line import GENERATE, names, run
from tests.unit.client.service import FAILED, PNG, Service, event, refusal, streaming

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.usefixtures("folder")


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


def test_nothing_heavy_is_imported():
    heavy = {"torch", "ray", "numpy", "PIL", "pydantic", "fastapi", "starlette"}
    code = f"import sys, serve_app.client.__main__; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "set()\n", done.stderr
