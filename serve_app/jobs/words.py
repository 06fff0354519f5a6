"""How alike two texts are by their words, however those are ordered: each counts as often as it is
there."""

from collections import Counter
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """In lower case, without commas and full stops."""
    return text.lower().replace(",", " ").replace(".", " ").split()


def same(text: str, other: str) -> bool:
    """Whether they have the same words."""
    return Counter(words(text)) == Counter(words(other))


def f1(text: str, other: str) -> float:
    """F1 of the words of one against the other, 0 to 1."""
    return pooled_f1([text], [other])


def pooled_f1(texts: Sequence[str], others: Sequence[str]) -> float:
    """F1 over all the words of several pairs, 0 to 1."""
    common, total = 0, 0
    for text, other in zip(texts, others, strict=True):
        some, more = Counter(words(text)), Counter(words(other))
        common += 2 * (some & more).total()
        total += some.total() + more.total()
    return common / total if total else 1.0


def recall(sought: str, found: str) -> float:
    """The share of the words sought that are found, 0 to 1; 1 where none is sought."""
    wanted = Counter(words(sought))
    return (wanted & Counter(words(found))).total() / wanted.total() if wanted else 1.0
