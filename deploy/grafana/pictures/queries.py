"""Queries Prometheus for every panel of a dashboard, as Grafana would: its expressions, its range, its exemplars.

It knows the format of a dashboard and Prometheus' HTTP API. It draws nothing and starts nothing.
"""

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOARDS = Path(__file__).parents[1] / "dashboards"
TIMEOUT_SECONDS = 60

Board = dict[str, Any]


@dataclass(frozen=True)
class Window:
    """The time that a picture shows in UNIX seconds, the step of its points, and the scrape interval."""

    start: float
    end: float
    step_seconds: float
    scrape_seconds: float

    @property
    def variables(self) -> dict[str, str]:
        """Grafana's own variables. Its rate interval spans at least four scrapes."""
        rate = max(4 * self.scrape_seconds, self.step_seconds + self.scrape_seconds)
        return {"$__rate_interval": f"{rate:.0f}s", "$project": ".*", "$model": ".*"}


def boards() -> dict[str, Board]:
    """Return the provisioned dashboards by the names of their files."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(BOARDS.glob("*.json"))}


def results_of(board: Board, url: str, window: Window) -> dict[str, list[dict[str, Any]]]:
    """Return Prometheus' results for each target of each panel, by the panel's id.

    Raises:
        OSError: Prometheus does not respond or refuses an expression.
    """
    return {
        str(panel["id"]): [_result(target, url, window) for target in panel.get("targets", [])]
        for panel in board["panels"]
    }


def _result(target: dict[str, Any], url: str, window: Window) -> dict[str, Any]:
    expression = target["expr"]
    for name, value in window.variables.items():
        expression = expression.replace(name, value)
    span = {"start": f"{window.start}", "end": f"{window.end}"}
    if target.get("instant"):
        result = _get(url, "query", query=expression, time=span["end"])["result"]
    else:
        result = _get(url, "query_range", query=expression, step=f"{window.step_seconds}", **span)["result"]
    exemplars = _get(url, "query_exemplars", query=expression, **span) if target.get("exemplar") else []
    return {"legend": target.get("legendFormat", ""), "ref": target["refId"], "result": result, "exemplars": exemplars}


def _get(url: str, path: str, **parameters: str) -> Any:
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - our own
        return json.load(response)["data"]
