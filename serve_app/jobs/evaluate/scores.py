"""Metrics by name: functions of joined rows, as a user's own. Those of classes are scikit-learn's.

A row has `truth` and `pred`, and for classes `prob` of the class `pred`, and `probabilities` by
class; the last two may be None. Of a made picture `truth` is the prompt and `pred` the caption;
see `generation/join.py`. Every function raises NotMeasurable for rows without what it needs.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from serve_app.jobs import words

Rows = Sequence[Mapping[str, Any]]
Metric = Callable[[Rows], Any]


class NotMeasurable(Exception):
    """The rows have not what this metric is made of; the message says what is missing."""


def _labels(rows: Rows) -> tuple[list[str], list[str]]:
    return [row["truth"] for row in rows], [row["pred"] for row in rows]


def _of_labels(name: str, rows: Rows, **options: Any) -> float:
    from sklearn import metrics

    truths, preds = _labels(rows)
    return float(getattr(metrics, name)(truths, preds, **options))


def _balanced_accuracy(rows: Rows) -> float:
    """The mean recall of the classes that are true somewhere, as scikit-learn's."""
    truths = sorted({row["truth"] for row in rows})
    return _of_labels("recall_score", rows, labels=truths, average="macro", zero_division=0)


def _matrix(rows: Rows) -> tuple[list[str], list[str], Any]:
    """Truths, classes in sorted order, and probabilities float64 [rows, classes]."""
    import numpy as np

    if any(row.get("probabilities") is None for row in rows):
        raise NotMeasurable(
            "needs a probability of each class, the columns prob_CLASS, in all rows"
        )
    classes = sorted(rows[0]["probabilities"])
    matrix = np.array([[row["probabilities"][label] for label in classes] for row in rows])
    return _labels(rows)[0], classes, matrix / matrix.sum(axis=1, keepdims=True)


def _log_loss(rows: Rows) -> float:
    from sklearn import metrics

    truths, classes, matrix = _matrix(rows)
    return float(metrics.log_loss(truths, matrix, labels=classes))


def _roc_auc(rows: Rows) -> float:
    """One against the rest, the mean over the classes that some rows have and some have not."""
    from sklearn import metrics

    truths, classes, matrix = _matrix(rows)
    found = []
    for index, label in enumerate(classes):
        own = [truth == label for truth in truths]
        if any(own) and not all(own):
            found.append(float(metrics.roc_auc_score(own, matrix[:, index])))
    if not found:
        raise NotMeasurable("needs rows of two classes")
    return sum(found) / len(found)


def _top_k(k: int, rows: Rows) -> float:
    truths, classes, matrix = _matrix(rows)
    best = (-matrix).argsort(axis=1, kind="stable")[:, :k]
    hits = [truth in {classes[i] for i in row} for truth, row in zip(truths, best, strict=True)]
    return sum(hits) / len(hits)


def _brier(rows: Rows) -> float:
    """Of `prob` as the probability that `pred` is right; 0 is best."""
    if any(row.get("prob") is None for row in rows):
        raise NotMeasurable("needs prob, a number in 0 to 1, in all rows")
    return sum((row["prob"] - (row["pred"] == row["truth"])) ** 2 for row in rows) / len(rows)


def word_error_rate(rows: Rows) -> float:
    """Words to replace, insert and remove, by the number of true words; 0 is best."""
    edits = total = 0
    for row in rows:
        truth, pred = words.words(row["truth"]), words.words(row["pred"])
        total += len(truth)
        line = list(range(len(pred) + 1))
        for i, word in enumerate(truth, 1):
            corner, line[0] = line[0], i
            for j, other in enumerate(pred, 1):
                corner, line[j] = (
                    line[j],
                    min(line[j] + 1, line[j - 1] + 1, corner + (word != other)),
                )
        edits += line[-1]
    if not total:
        raise NotMeasurable("no true words")
    return edits / total


def _word_f1(rows: Rows) -> float:
    return sum(words.f1(row["truth"], row["pred"]) for row in rows) / len(rows)


def _exact_match(rows: Rows) -> float:
    """The share with the same words in the same order."""
    return sum(words.words(row["truth"]) == words.words(row["pred"]) for row in rows) / len(rows)


def _same_words(rows: Rows) -> float:
    """The share with the same words, however ordered."""
    return sum(words.same(row["truth"], row["pred"]) for row in rows) / len(rows)


def _word_recall(rows: Rows) -> float:
    """The mean share of the true words that are there."""
    return sum(words.recall(row["truth"], row["pred"]) for row in rows) / len(rows)


def _with(name: str, what: str, rows: Rows) -> Rows:
    """Those that have it: others of the same table may be made without."""
    some = [row for row in rows if row[name] is not None]
    if not some:
        raise NotMeasurable(f"needs {what}")
    return some


def _captioned(metric: Metric, rows: Rows) -> Any:
    return metric(_with("pred", "captions of the pictures", rows))


def _mean(name: str, what: str, rows: Rows) -> float:
    some = _with(name, what, rows)
    return float(sum(row[name] for row in some) / len(some))


def _class_accuracy(rows: Rows) -> float:
    """The share in which the classifier sees the label's class."""
    some = _with("prob", _LABELS, rows)
    return sum(row["shown"] == row["label"] for row in some) / len(some)


def _averaged(score: str, average: str) -> Metric:
    return partial(_of_labels, f"{score}_score", average=average, zero_division=0)


_CLASSES: dict[str, Metric] = {
    "accuracy": partial(_of_labels, "accuracy_score"),
    "balanced_accuracy": _balanced_accuracy,
    **{
        f"{score}_{average}": _averaged(score, average)
        for score in ("f1", "precision", "recall")
        for average in ("macro", "micro", "weighted")
    },
    "cohen_kappa": partial(_of_labels, "cohen_kappa_score"),
    "matthews": partial(_of_labels, "matthews_corrcoef"),
    "log_loss": _log_loss,
    "roc_auc": _roc_auc,
    "top_3_accuracy": partial(_top_k, 3),
    "top_5_accuracy": partial(_top_k, 5),
    "brier": _brier,
}
_CAPTIONS: dict[str, Metric] = {
    "exact_match": _exact_match,
    "same_words": _same_words,
    "word_error_rate": word_error_rate,
    "word_f1": _word_f1,
}
_LABELS = "a column of classes that the classifier knows"
_PICTURES: dict[str, Metric] = {
    "word_f1": partial(_captioned, _word_f1),
    "word_recall": partial(_captioned, _word_recall),
    "same_words": partial(_captioned, _same_words),
    "class_accuracy": _class_accuracy,
    "class_probability": partial(_mean, "prob", _LABELS),
    "edge_f1": partial(_mean, "edge_f1", "control images, in the column image_path"),
    "psnr": partial(_mean, "psnr", "references of the pictures' size, in reference_path"),
}
NAMED: dict[str, dict[str, Metric]] = {
    "classify": _CLASSES,
    "caption": _CAPTIONS,
    "generate": _PICTURES,
}
DEFAULT = {
    "classify": ["accuracy", "f1_macro", "log_loss", "roc_auc"],
    "caption": ["exact_match", "same_words", "word_error_rate", "word_f1"],
    "generate": ["word_f1", "word_recall", "class_probability", "edge_f1", "psnr"],
}
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "word_error_rate"})
