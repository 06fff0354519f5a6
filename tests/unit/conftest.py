"""What is published, for tests to look at."""

from collections import Counter, defaultdict

import pytest

from serve_app.metrics.instruments import DECLARED, Instrument


class Published:
    """The values of each metric, by its name and its labels' values in their order."""

    def __init__(self):
        self._values = defaultdict(lambda: defaultdict(list))

    def record(self, instrument, value, labels):
        assert set(labels) == set(instrument.labels), "Ray raises where a label is missing"
        assert all(isinstance(label, str) for label in labels.values())
        key = tuple(labels[name] for name in instrument.labels)
        self._values[instrument.name][key].append(value)

    def of(self, name):
        """Every value, by labels: a single one stands for itself."""
        assert name in DECLARED
        values = self._values[name].items()
        return {key[0] if len(key) == 1 else key: each for key, each in values}

    def sums(self, name):
        """What a counter stands at, by labels."""
        return Counter({key: sum(values) for key, values in self.of(name).items()})

    def last(self, name):
        """What a gauge stands at, by labels."""
        return {key: values[-1] for key, values in self.of(name).items()}


@pytest.fixture
def published(monkeypatch):
    seen = Published()
    monkeypatch.setattr(Instrument, "_record", lambda *values: seen.record(*values))
    return seen
