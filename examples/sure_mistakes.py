"""A metric of one's own: named in evaluate-classifier.yaml as `file.py:function`."""


def sure_mistakes(rows: list[dict]) -> float:
    """The share of rows where the classifier is wrong and more than 90 % sure."""
    wrong = [row for row in rows if row["pred"] != row["truth"] and (row["prob"] or 0) > 0.9]
    return len(wrong) / len(rows)
