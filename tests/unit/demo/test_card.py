"""The generator's card is the one that the training would write, and says what is true."""

from demo import card, shapes
from demo.export import WEIGHTS
from demo.vocabulary import prompt_tokenizer
from serve_app.ingress.model_card import read_card


def test_the_shipped_card_is_the_one_that_is_exported(tmp_path):
    card.write(tmp_path)
    for path in filter(lambda path: path.is_file(), tmp_path.rglob("*")):
        shipped = WEIGHTS / "generator" / path.relative_to(tmp_path)
        assert shipped.read_bytes() == path.read_bytes(), shipped


def test_the_service_reads_it():
    read = read_card(str(WEIGHTS / "generator"))
    assert read.description == card.DESCRIPTION
    assert len(read.examples) == 6 and all(each.control_image for each in read.examples)
    words = {word for each in read.examples for word in each.prompt.replace(",", "").split()}
    assert words <= set(read.vocabulary)


def test_each_word_of_the_vocabulary_is_one_token():
    tokenizer = prompt_tokenizer()
    vocabulary = read_card(str(WEIGHTS / "generator")).vocabulary
    assert all(len(tokenizer.tokenize(word)) == 1 for word in vocabulary)
    assert len(tokenizer.tokenize("sofa")) > 1


def test_each_sketch_has_its_scenes_edges():
    for scene in card.SCENES:
        assert shapes.parse_caption(shapes.caption(scene))[1] == scene.background
        assert card.sketch(scene).shape == (256, 256) and card.sketch(scene).min() < 30
