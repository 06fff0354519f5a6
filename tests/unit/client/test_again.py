"""`again`: what is sent, what is said, and the exit code."""

import base64
import hashlib
import json

import pytest
from PIL import PngImagePlugin

from tests.images import encoded, sketch
from tests.unit.client.command_line import names, run
from tests.unit.client.service import Service, event, streaming

pytestmark = pytest.mark.usefixtures("folder")
MADE = {
    "Steps": 4, "Sampler": "DDIM", "CFG scale": 3.0, "Seed": 7, "Size": "64x64", "Model": "demo",
    "Guidance end": 1.0, "Latent clamp": False, "Backend": "eager", "Version": "1.0",
}  # fmt: skip
SECRET = b"a file"
HASH = hashlib.sha256(SECRET).hexdigest()[:16]


def png(picture=None, **values):
    texts = PngImagePlugin.PngInfo()
    pairs = MADE | {name.replace("_", " "): value for name, value in values.items()}
    text = ", ".join(f"{name}: {value}" for name, value in pairs.items())
    texts.add_itxt("parameters", f"a star\n{text}")
    return encoded(picture or sketch(64, 64), pnginfo=texts)


def answering(made):
    body = base64.b64encode(made).decode()
    return Service(streaming(event("completed", step=4, b64_json=body)))


def test_the_same_picture(folder, capsys):
    (folder / "old.png").write_bytes(png())
    service = answering(png())
    assert run(service, "again", "old.png", "-o", "new.png") == 0
    assert capsys.readouterr() == ("new.png seed=7 the same pixels\n", "")
    sent = service.bodies[0]
    assert (sent["prompt"], sent["seed"], sent["sampler"]) == ("a star", 7, "ddim")
    assert (sent["size"], sent["native"], sent["output_format"]) == ("64x64", True, "png")
    assert (folder / "new.png").read_bytes() == png()


def test_another_picture_and_why(folder, capsys):
    (folder / "old.png").write_bytes(png())
    other = png(sketch(64, 64).rotate(90), Backend="openvino", Version="2.0")
    assert run(answering(other), "again", "old.png") == 5
    out, err = capsys.readouterr()
    assert out == "again.png seed=7 differs\n" and names(folder) == [
        "again.png",
        "in.png",
        "old.png",
    ]
    assert err.splitlines() == [
        "serve_app.client: Backend was eager, and is openvino",
        "serve_app.client: Version was 1.0, and is 2.0",
        "serve_app.client: its pixels are not those of old.png",
    ]


@pytest.mark.parametrize(
    ("fields", "options", "path"),
    [
        ({"Control_image_hash": HASH}, ["--control-image"], "generations"),
        (
            {"Image_hash": HASH, "Mask_hash": HASH, "Mask_field": "mask_image"},
            ["--image", "--mask"],
            "edits",
        ),
    ],
)
def test_pictures_are_given_beside_it(fields, options, path, folder):
    (folder / "old.png").write_bytes(png(**fields))
    (folder / "file").write_bytes(SECRET)
    service = answering(png(**fields))
    given = [word for option in options for word in (option, "file")]
    assert run(service, "again", "old.png", *given) == 0
    request = service.requests[0]
    assert request.url.path.endswith(path)
    if path == "edits":
        assert b'name="mask_image"' in request.content and b'name="image"' in request.content
    else:
        sent = base64.b64decode(json.loads(request.content)["control_image"])
        assert sent == SECRET


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["missing.png"], "missing.png"),
        (["in.png"], "in.png: not a PNG"),
        (["old.png"], f"begins with {HASH} by --image"),
        (["old.png", "--image", "in.png"], f"and not with {HASH}"),
        (["old.png", "--image", "file", "--mask", "file"], "was made without one"),
        (["old.png", "--image", "file", "-o", "again.jpg"], "made again as PNG"),
        (["old.png", "--image", "file", "-o", "no/again.png"], "no folder"),
    ],
)
def test_bad_input_asks_nothing_of_the_service(argv, words, folder, capsys):
    (folder / "old.png").write_bytes(png(Image_hash=HASH))
    (folder / "file").write_bytes(SECRET)
    service = Service()
    assert run(service, "again", *argv) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1 and service.requests == []


def test_a_service_that_writes_no_parameters(folder, capsys):
    (folder / "old.png").write_bytes(png())
    assert run(answering(encoded(sketch(64, 64))), "again", "old.png") == 2
    assert "cannot be compared" in capsys.readouterr().err
    assert (folder / "again.png").exists()
