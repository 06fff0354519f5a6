"""What a model's card says of it: the `README.md` in the model's folder, as Hugging Face has them.

Of its YAML front matter three keys are read, all optional: `description`, `widget` (example
prompts in `text`, each with a picture that fits it in `src`) and `vocabulary`, which is of our own:
the words that the text encoder knows.
"""

import base64
import logging
import re
from pathlib import Path

import yaml
from pydantic import BaseModel, Field, ValidationError

from serve_app.ingress.openai.schema import ModelExample
from serve_app.observability import log_event

_LONGEST = 65_536  # bytes of the front matter, and of a picture
_FRONT_MATTER = re.compile(
    rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE
)


class _Widget(BaseModel):
    text: str | None = None
    src: str | None = None


class _FrontMatter(BaseModel):
    description: str | None = Field(None, max_length=1000)
    widget: list[_Widget] = []
    vocabulary: list[str] = []


class ModelCard(BaseModel):
    """What is known of a model; of most, nothing."""

    description: str | None = None
    examples: list[ModelExample] = []
    vocabulary: list[str] = []


def read_card(path: str) -> ModelCard:
    """The card of a model's folder. Never raises: one that cannot be read is logged and counts as
    none, as do hub ids, whose cards are not downloaded."""
    folder = Path(path)
    file = folder / "README.md"
    if not file.is_file():
        return ModelCard()
    try:
        front = _front_matter(file)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        _warn(file, error)
        return ModelCard()
    examples = [
        ModelExample(prompt=each.text, control_image=_picture(folder, each.src))
        for each in front.widget
        if each.text
    ]
    return ModelCard(
        description=front.description or None, examples=examples, vocabulary=front.vocabulary
    )


def _front_matter(file: Path) -> _FrontMatter:
    with file.open("rb") as opened:
        begin = opened.read(_LONGEST)
    found = _FRONT_MATTER.match(begin)
    if found is None:
        if begin.startswith(b"---"):
            raise ValueError(f"its front matter does not end within {_LONGEST} bytes")
        return _FrontMatter()
    # Every scalar as text: to YAML the word `on` is a truth value.
    loaded = yaml.load(found[1].decode(), Loader=yaml.BaseLoader)
    try:
        return _FrontMatter.model_validate(loaded or {})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "front matter"
        raise ValueError(f"{where}: {first['msg']}") from error


def _picture(folder: Path, src: str | None) -> str | None:
    """A picture beside the card, in base64; links lead elsewhere and are left out."""
    if not src or "://" in src:
        return None
    file = (folder / src).resolve()
    try:
        if not file.is_relative_to(folder.resolve()):
            raise ValueError("it is outside of the model's folder")
        with file.open("rb") as opened:
            data = opened.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise ValueError(f"it has more than {_LONGEST} bytes")
    except (OSError, ValueError) as error:
        _warn(file, error)
        return None
    return base64.b64encode(data).decode()


def _warn(file: Path, error: Exception) -> None:
    log_event(
        "model card not read", logging.WARNING, file=file, reason=" ".join(str(error).split())
    )
