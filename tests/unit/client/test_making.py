"""`generate` and `edit`: images, previews, what is printed."""

import pytest

from tests.unit.client.command_line import GENERATE, done, names, run
from tests.unit.client.service import PNG, Service, event, streaming

pytestmark = pytest.mark.usefixtures("folder")


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
    assert b"mask" not in form
    assert b'name="strength"\r\n\r\n0.5' in form and b'name="latent_clamp"\r\n\r\nfalse' in form


def test_an_edit_of_what_a_mask_covers(folder):
    (folder / "hole.png").write_bytes(b"a hole")
    service = Service(streaming(done()))
    argv = ("edit", "in.png", "--prompt", "x", "--mask", "hole.png", "--padding-mask-crop", "8")
    assert run(service, *argv) == 0
    form = service.requests[0].content
    assert b'name="mask"; filename="mask"' in form and b"a hole" in form
    assert b'name="padding_mask_crop"\r\n\r\n8' in form and b"mask_image" not in form
