"""The many ways in which a person may ask for a scene; the generator is trained on all of them."""

from __future__ import annotations

import string

import numpy as np

from demo.shapes import Scene, Shape, background_phrase, caption, join, phrase
from demo.vocabulary import FILLER_WORDS

_OPENINGS = (
    "a picture of ",
    "a photo of ",
    "please draw ",
    "draw me ",
    "an image showing ",
    "there is ",
)


def sample_prompt(rng: np.random.Generator, scene: Scene, plain: float = 0.3) -> str:
    """A prompt for the scene: plain, reordered, loose, incomplete, or empty (one in ten).

    plain: how many are captions, word for word; the other ways share the rest.
    """
    if rng.random() < 0.1:
        return ""
    if rng.random() < plain:
        return caption(scene)
    way = rng.random()
    shapes = reorder(rng, scene)
    if way < 0.4:
        return f"{join([phrase(shape) for shape in shapes])} {background_phrase(scene.background)}"
    if way < 0.8:
        return _loose(rng, shapes, scene.background)
    return _incomplete(rng, shapes, scene.background)


def reorder(rng: np.random.Generator, scene: Scene) -> list[Shape]:
    """Shuffle the shapes; those of one kind stay left to right, so that words tell them apart."""
    kinds = [scene.shapes[i].kind for i in rng.permutation(len(scene.shapes))]
    left_to_right = {
        kind: iter([shape for shape in scene.shapes if shape.kind == kind]) for kind in kinds
    }
    return [next(left_to_right[kind]) for kind in kinds]


def _loose(rng: np.random.Generator, shapes: list[Shape], background: str) -> str:
    """Bare lists, openings, filler, and names that the model has never seen."""
    phrases = [phrase(shape) for shape in shapes]
    if rng.random() < 0.2:
        unknown = int(rng.integers(len(phrases)))
        phrases[unknown] = phrases[unknown].replace(shapes[unknown].kind, _unknown_word(rng))
    if rng.random() < 0.3:
        words = [text.split(" ", 1)[1] for text in phrases] + [f"{background} background"]
        text = ", ".join(words)
    else:
        text = f"{join(phrases)} {background_phrase(background)}"
    if rng.random() < 0.5:
        text = str(rng.choice(_OPENINGS)) + text
    if rng.random() < 0.5:
        extra = [
            str(rng.choice(FILLER_WORDS)) if rng.random() < 0.6 else _unknown_word(rng)
            for _ in range(rng.integers(1, 6))
        ]
        text = f"{text}{rng.choice([', ', ' '])}{' '.join(extra)}"
    return text


def _incomplete(rng: np.random.Generator, shapes: list[Shape], background: str) -> str:
    """A part of what there is, which is also how negative prompts are worded."""
    shape = shapes[0]
    parts = (
        join([phrase(each) for each in shapes]),
        background_phrase(background).removeprefix("on "),
        phrase(shape),
        f"{shape.color}, {background}",
        shape.color,
        shape.kind,
    )
    return str(rng.choice(parts))


def _unknown_word(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list(string.ascii_lowercase), rng.integers(3, 9)))
