"""A picture made again from what its PNG says of it, by the command a user types."""

import numpy as np
import pytest
from PIL import Image

from serve_app.client import Client
from tests.e2e.test_client import assert_one_line, run
from tests.images import PROMPT, encoded, jpeg, opened, pixels, sketch

START = encoded(sketch(200, 140))


def hole():
    mask = np.zeros((140, 200), np.uint8)
    mask[20:120, 20:160] = 255
    return encoded(Image.fromarray(mask))


MADE = {
    "text alone": (lambda client: client.generate(PROMPT, negative_prompt="a star"), {}),
    "edges": (
        lambda client: client.generate(
            PROMPT, jpeg(), canny_low_threshold=40, sampler="euler_a", guidance_scale=2.5
        ),
        {"control_image": jpeg()},
    ),
    "image to image, enlarged": (
        lambda client: client.edit(START, PROMPT, strength=0.6, upscale=2),
        {"image": START},
    ),
    "a mask and edges": (
        lambda client: client.edit(
            START, PROMPT, mask_image=hole(), control_image=jpeg(), mask_blur=2, upscale=2
        ),
        {"image": START, "mask": hole(), "control_image": jpeg()},
    ),
    "OpenAI's size": (lambda client: client.generate(PROMPT, size="1024x1024"), {}),
}


@pytest.mark.parametrize("name", MADE)
def test_the_same_pixels(name, service, tmp_path):
    make, pictures = MADE[name]
    with Client(service.url) as client:
        made = make(client).image.data
    (tmp_path / "old.png").write_bytes(made)
    options = []
    for field, data in pictures.items():
        (tmp_path / field).write_bytes(data)
        options += ["--" + field.replace("_", "-"), field]
    done = run(tmp_path, "again", "old.png", *options, "--url", service.url)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("again.png seed=") and "the same pixels" in done.stdout
    again = opened((tmp_path / "again.png").read_bytes())
    assert np.array_equal(pixels(again), pixels(opened(made)))
    assert again.text == opened(made).text


def test_what_is_missing_is_one_line(service, tmp_path):
    (tmp_path / "plain.png").write_bytes(START)
    assert_one_line(run(tmp_path, "again", "plain.png", "--url", service.url), 2, "no text")
    with Client(service.url) as client:
        (tmp_path / "old.png").write_bytes(client.generate(PROMPT, jpeg()).image.data)
    assert_one_line(
        run(tmp_path, "again", "old.png", "--url", service.url), 2, "by --control-image"
    )
