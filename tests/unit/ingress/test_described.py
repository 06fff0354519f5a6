import pytest

from serve_app.ingress.described import BLUE_BMP, RED_BMP, examples
from tests.images import opened


@pytest.mark.parametrize(("text", "colour"), [(RED_BMP, (112, 0, 0)), (BLUE_BMP, (0, 0, 112))])
def test_pictures_of_ascii_are_pictures(text, colour):
    image = opened(text.encode("ascii"))
    assert image.size == (4, 4) and image.getpixel((1, 2)) == colour


def test_examples_are_named_by_what_they_show():
    assert examples(a_red_circle=1) == {"a red circle": {"value": 1}}
