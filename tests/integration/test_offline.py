"""Images without a server, by the command that a user types."""

import numpy as np
from PIL import Image

from serve_app.jobs.generate import main
from serve_app.model_config import PROJECT_ROOT
from tests.images import PROMPT


def test_every_step_is_saved_and_comes_nearer(tmp_path):
    out, steps = tmp_path / "out.png", tmp_path / "steps"
    sketch = str(PROJECT_ROOT / "docs" / "sketch.jpg")
    options = ["--prompt", PROMPT, "--control", sketch, "--seed", "7", "--steps", "8"]
    assert main([*options, "--save-intermediates", str(steps), "-o", str(out)]) == 0
    image = np.asarray(Image.open(out)).astype(int)
    saved = sorted(steps.iterdir())
    assert [path.name for path in saved] == [f"step-{step:03}.png" for step in range(1, 9)]
    off = [np.abs(np.asarray(Image.open(path)) - image).mean() for path in saved]
    assert off[-1] == 0 < off[-2] < 5 < off[0]
    assert Image.open(out).text["parameters"].startswith(PROMPT)


def test_what_cannot_be_is_one_line(tmp_path, capsys):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    assert main(["--prompt", "x", "--image", str(broken), "-o", str(tmp_path / "out.png")]) == 2
    assert main(["--prompt", "x", "--image", str(tmp_path / "none"), "-o", "out.png"]) == 2
    assert main(["--prompt", "x", "--sampler", "none", "-o", str(tmp_path / "out.png")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) >= 3
    assert not (tmp_path / "out.png").exists()
