"""Checked work, as it is handed on."""

import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.openai.edit_form import Edit
from serve_app.ingress.openai.schema import ImageEdit
from serve_app.ingress.openai.work import work_of
from serve_app.ingress.schema import ImageRequest
from tests import fakes
from tests.images import encoded, in_base64, jpeg, sketch


def made(edit=None, **fields):
    body = ImageRequest(prompt="x", **fields)
    args = fakes.app_args({"files": {}})
    return work_of("image_generation", body, args, "http://x/v1/files", edit)


def test_images_are_held_once():
    work = made(control_image=in_base64(jpeg()))
    assert work.body.control_image is None and work.composition.control.image == jpeg()
    assert len(jpeg()) < work.bytes < len(jpeg()) + 5000
    picture = encoded(sketch(64, 32))
    edit = Edit(image=picture, control_image=jpeg(), mask=None, fields=ImageEdit(prompt="x"))
    work = made(edit)
    assert work.request.image == picture
    assert work.bytes >= len(picture) + len(jpeg())


def test_what_is_left_out():
    work = made()
    assert (work.images, work.output_format, work.files_url) == (1, "png", None)
    assert made(response_format="url").files_url == "http://x/v1/files"


def test_the_impossible_is_refused():
    with pytest.raises(InvalidRequest):
        made(n=99)


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3"])
def test_models_of_openai_that_are_answered_by_url(model):
    aliased = fakes.app_args().models.model_dump()
    aliased["generator"]["aliases"] = ["dall-e-2", "dall-e-3", "gpt-image-1"]

    def files_url(files=None, **fields):
        args = fakes.app_args({"models": aliased, "files": files})
        body = ImageRequest(prompt="x", **fields)
        return work_of("image_generation", body, args, "http://x/v1/files").files_url

    assert files_url({}, model=model) == "http://x/v1/files"
    assert files_url({}, model=model, response_format="b64_json") is None
    assert files_url({}, model=model, stream=True) is None
    assert files_url(None, model=model) is None, "no files are kept"
    assert files_url({}, model="gpt-image-1") is None
