import pytest
from PIL import Image

from serve_app.errors import InvalidField
from serve_app.imaging.codec import decode_grey
from serve_app.ingress.webui.conversion import generation
from serve_app.ingress.webui.inpainting import mask_of
from serve_app.ingress.webui.schema import ImageToImage
from tests.fakes import app_args
from tests.images import encoded, in_base64, sketch

ARGS = app_args()
IMAGE = in_base64(encoded(sketch(128, 64)))


def mask(left=40):
    image = Image.new("L", (128, 64))
    image.paste(255, (left, 20, left + 20, 40))
    return in_base64(encoded(image))


def of(**fields):
    body = {"init_images": [IMAGE], "mask": mask()} | fields
    return mask_of(ImageToImage(**body), ARGS.limits)


def test_a_mask():
    found = of(mask_blur=2, inpaint_full_res_padding=16)
    assert (found.field, found.blur, found.padding) == ("mask_image", 2, 16)
    assert (of().blur, of().padding) == (4, 0)
    assert of(inpaint_full_res=False).padding is None
    assert of(mask=None) is None and of(mask="") is None


def test_an_inverted_mask():
    plain, inverted = of(), of(inpainting_mask_invert=1)
    first, second = (decode_grey(each.data, 10**6) for each in (plain, inverted))
    assert (first + second == 255).all()


def test_what_is_no_image():
    with pytest.raises(InvalidField) as refused:
        of(mask="!")
    assert refused.value.param == "mask"


def test_what_is_asked_of_the_pipeline():
    body = ImageToImage(
        init_images=[IMAGE], mask=mask(), inpaint_full_res=True, width=64, height=64
    )
    asked = generation(body, ARGS)
    assert asked.request.mask_image and asked.request.region
    assert asked.request.strength == ARGS.defaults.strength and asked.ignored == []


@pytest.mark.parametrize(("full_res", "resize"), [(True, None), (False, (512, 512))])
def test_the_image_keeps_its_size_where_a_part_is_generated(full_res, resize):
    size = {"width": 512, "height": 512, "inpaint_full_res": full_res}
    body = ImageToImage(init_images=[IMAGE], mask=mask(), **size)
    assert generation(body, ARGS).composition.resize == resize
