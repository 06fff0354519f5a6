"""The Grafana board's queries, and the names of metrics in a query."""

import json
import re
from pathlib import Path
from typing import Any

BOARD = Path(__file__).parents[1] / "deploy" / "grafana" / "images.json"
_VARIABLES = {"$__rate_interval": "1m", "$application": ".*", "$deployment": ".*", "$node": ".*"}


def board() -> dict[str, Any]:
    return json.loads(BOARD.read_text())


def queries() -> dict[str, str]:
    """By panel and query, such as `Errors A`: PromQL with all variables at their defaults."""
    return {
        f"{panel['title']} {target['refId']}": _plain(target["expr"])
        for panel in board()["panels"]
        for target in panel.get("targets", ())
    }


def metrics_in(query: str) -> set[str]:
    """Names of ours and of Ray's, with what Prometheus adds to those of histograms."""
    return set(re.findall(r"\bray_\w+", re.sub(r'"[^"]*"', "", query)))


def _plain(query: str) -> str:
    for name, value in _VARIABLES.items():
        query = query.replace(name, value)
    return query
