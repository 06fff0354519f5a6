"""What a backend's outputs are worth against eager's on the same inputs, and what is good
enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.imaging.comparison import psnr
from serve_app.jobs import words
from serve_app.jobs.optimise.subjects import Drawn
from serve_app.messages import Pixels

Measures = dict[str, float]


@dataclass(frozen=True)
class Threshold:
    """A limit to one measure: absolute, or for its loss against eager."""

    measure: str
    at_least: float | None = None
    at_most: float | None = None
    loses_at_most: float | None = None

    def failure(self, measured: Measures, eager: Measures) -> str | None:
        """Why it does not pass, if so."""
        value = measured[self.measure]
        if self.at_least is not None and not value >= self.at_least:
            return f"{self.measure} {value:.1f} is below {self.at_least:g}"
        if self.at_most is not None and not value <= self.at_most:
            return f"{self.measure} {value:.1f} is over {self.at_most:g}"
        if self.loses_at_most is not None:
            lost = eager[self.measure] - value
            if not lost <= self.loses_at_most:
                return f"{self.measure} loses {lost:.1f}, over {self.loses_at_most:g}"
        return None


# At 40 dB nobody tells two pictures apart, and 45 keeps an enlargement's own error, some 30 dB,
# what it was. Shares are in percent. The rest of a batch may change a picture by 1/255.
THRESHOLDS: dict[str, list[Threshold]] = {
    "generator": [
        Threshold("psnr_db", at_least=40),
        Threshold("edge_f1", loses_at_most=1),
        Threshold("word_f1", at_least=99),
        Threshold("batch_difference", at_most=1),
    ],
    "captioner": [
        Threshold("same_captions", at_least=99),
        Threshold("batch_difference", at_most=0),
    ],
    "upscaler": [Threshold("psnr_db", at_least=45), Threshold("batch_difference", at_most=1)],
}


def failures(kind: str, measured: Measures, eager: Measures) -> list[str]:
    """Every reason that a backend does not pass; none if it does."""
    found = [threshold.failure(measured, eager) for threshold in THRESHOLDS[kind]]
    return [reason for reason in found if reason is not None]


def generator(outputs: list[Drawn], eager: list[Drawn]) -> Measures:
    """Decibels to eager's, and in percent: edges along the given ones, and the F1 of the words
    in all captions of the pictures against those of eager's."""
    return {
        "psnr_db": _psnr([each.pixels for each in outputs], [each.pixels for each in eager]),
        "edge_f1": _percent([each.edge_f1 for each in outputs if each.edge_f1 is not None]),
        "word_f1": 100
        * words.pooled_f1([each.caption for each in outputs], [e.caption for e in eager]),
    }


def captioner(outputs: list[str], eager: list[str]) -> Measures:
    """Percent of captions that are eager's, word for word."""
    return {"same_captions": _percent([a == b for a, b in zip(outputs, eager, strict=True)])}


def upscaler(outputs: list[Pixels], eager: list[Pixels]) -> Measures:
    """Decibels to eager's."""
    return {"psnr_db": _psnr(outputs, eager)}


QUALITY: dict[str, Any] = {"generator": generator, "captioner": captioner, "upscaler": upscaler}


def _psnr(images: Sequence[Pixels], others: Sequence[Pixels]) -> float:
    """Over all their pixels together, so that one bad picture counts."""
    return psnr(np.stack(images), np.stack(others))


def _percent(values: Sequence[float]) -> float:
    return 100 * float(np.mean(values))
