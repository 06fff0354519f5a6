"""What README.md and docs/ say works as pasted: blocks marked `sh` or `python`, and links."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.images import size_of

ROOT = Path(__file__).parents[2]
PAGES = {path: path.read_text() for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))}
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(ROOT),
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}


def blocks(language: str) -> list:
    """The blocks of a language in all pages. One that cannot run here has a plain fence."""
    return [
        pytest.param(block, id=f"{path.stem}: {block.splitlines()[0][:50]}")
        for path, text in PAGES.items()
        for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


def run(command: list, folder: Path) -> str:
    """What a command prints where the repository's `docs` and `examples` are; images are whole."""
    for name in ("docs", "examples"):
        (folder / name).symlink_to(ROOT / name)
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    pictures = [path for path in folder.iterdir() if path.suffix in (".png", ".jpg")]
    for picture in pictures:
        size_of(picture)
    assert done.stdout.strip() or pictures
    return done.stdout


@pytest.mark.parametrize("block", blocks("sh"))
def test_a_pasted_command_works(service, block, tmp_path):
    script = block.replace("http://127.0.0.1:8000", service.url).replace("curl -s", "curl -sSf")
    script = re.sub(r"serve_app.client (\w+)", rf"serve_app.client \1 --url {service.url}", script)
    run(["bash", "-euo", "pipefail", "-c", script], tmp_path)


@pytest.mark.parametrize("block", blocks("python"))
def test_a_pasted_program_works(service, block, tmp_path):
    program = block.replace("http://127.0.0.1:8000", service.url)
    program = program.replace("127.0.0.1:8000", service.url.removeprefix("http://"))
    program = program.replace("127.0.0.1:8001", service.grpc_address)
    assert run([sys.executable, "-c", program], tmp_path).strip()


def test_every_public_route_has_a_command(service):
    text = "".join(block.values[0] for block in blocks("sh"))
    for path in service.get("/openapi.json").json()["paths"]:
        # For clients of these protocols, not for hands.
        if path.startswith(("/v2", "/sdapi/", "/controlnet/")):
            continue
        assert f"8000{path.partition('/{')[0]}" in text, path


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGES[page]):
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not heading or heading in anchors(file.read_text()), target


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
