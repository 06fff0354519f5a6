"""Model cards as people write them: whole, odd, broken; none keeps the service from starting."""

import base64
import logging

import pytest

from serve_app.ingress.model_card import ModelCard, read_card
from tests import fakes
from tests.images import encoded, sketch
from tests.service import Service

WHOLE = """---
license: apache-2.0
description: Flat shapes.
widget:
- text: a red circle
  src: sketches/circle.png
- text: a blue square
  output: {url: square.png}
- src: only/a/picture.png
vocabulary: [a, on, no, red, 2]
---
# Shapes
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sketches").mkdir()
    (tmp_path / "sketches" / "circle.png").write_bytes(encoded(sketch(8, 8)))
    return tmp_path


def card_of(folder, text):
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "README.md").write_bytes(data)
    return read_card(str(folder))


def test_a_card_says_what_the_model_draws(folder):
    card = card_of(folder, WHOLE)
    assert card.description == "Flat shapes."
    assert [each.prompt for each in card.examples] == ["a red circle", "a blue square"]
    assert base64.b64decode(card.examples[0].control_image) == encoded(sketch(8, 8))
    assert card.examples[1].control_image is None
    assert card.vocabulary == ["a", "on", "no", "red", "2"], "no truth values, no numbers"


@pytest.mark.parametrize(
    "text", ["# Shapes\n", "", "---\n---\n", "---\n\n---", "\ufeff---\r\nlicense: mit\r\n---\r\n"]
)
def test_a_card_may_say_nothing(folder, caplog, text):
    assert card_of(folder, text) == ModelCard()
    assert not caplog.records


def test_without_a_card_nothing_is_known(tmp_path, caplog):
    assert read_card(str(tmp_path)) == read_card("hub/model") == ModelCard()
    assert not caplog.records


@pytest.mark.parametrize(
    "text",
    [
        "---\nwidget: [unclosed\n---\n",
        "---\nvocabulary: circle\n---\n",
        "---\n- a list\n---\n",
        "---\nwidget:\n- text: {}\n---\n",
        f"---\ndescription: {'x' * 1001}\n---\n",
        f"---\nlicense: {'x' * 70_000}\n---\n",
        "---\nnever: ends\n",
        f"---\n{'[' * 20_000}\n---\n",
        b"---\ndescription: \xff\xfe\n---\n",
    ],
)
def test_a_broken_card_is_a_warning(folder, caplog, text):
    with caplog.at_level(logging.WARNING, "ray.serve"):
        assert card_of(folder, text) == ModelCard()
    (line,) = caplog.messages
    assert line.startswith("model card not read file=") and "reason=" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "src", ["none.png", "../outside.png", "/etc/hostname", "large.png", "sketches"]
)
def test_a_picture_that_cannot_be_had_costs_itself_alone(folder, caplog, src):
    (folder.parent / "outside.png").write_bytes(b"secret")
    (folder / "large.png").write_bytes(bytes(70_000))
    with caplog.at_level(logging.WARNING, "ray.serve"):
        card = card_of(folder, f"---\nwidget:\n- text: a star\n  src: {src}\n---\n")
    assert [(each.prompt, each.control_image) for each in card.examples] == [("a star", None)]
    assert len(caplog.messages) == 1


def test_a_link_is_not_followed(folder, caplog):
    card = card_of(folder, "---\nwidget:\n- {text: a star, src: 'https://x.example/a.png'}\n---\n")
    assert card.examples[0].control_image is None and not caplog.records


def test_the_api_tells_what_the_card_says(folder):
    (folder / "README.md").write_text(WHOLE)
    models = fakes.app_args().models.model_dump()
    models["generator"]["path"] = str(folder)
    http = Service({"models": models}).http
    (listed,) = http.get("/v1/models").json()["data"]
    assert listed == http.get("/v1/models/demo").json()
    assert listed["description"] == "Flat shapes." and "red" in listed["vocabulary"]
    assert listed["examples"][1] == {"prompt": "a blue square", "control_image": None}
