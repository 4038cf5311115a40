"""Asks Prometheus what every panel of a dashboard asks, as Grafana would: its expressions, its range, its exemplars.

Knows the form of a dashboard and Prometheus' HTTP API; draws nothing and starts nothing.
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
    """What time a picture shows: UNIX seconds, and how far its points and the scrapes are apart."""

    start: float
    end: float
    step_seconds: float
    scrape_seconds: float

    @property
    def variables(self) -> dict[str, str]:
        """What Grafana puts in for its own variables; its rate interval holds four scrapes at least."""
        rate = max(4 * self.scrape_seconds, self.step_seconds + self.scrape_seconds)
        return {"$__rate_interval": f"{rate:.0f}s", "$project": ".*", "$model": ".*"}


def boards() -> dict[str, Board]:
    """Return the provisioned dashboards by the names of their files."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(BOARDS.glob("*.json"))}


def answers_of(board: Board, url: str, window: Window) -> dict[str, list[dict[str, Any]]]:
    """Return what Prometheus answers to each target of each panel, by the panel's id.

    Raises:
        OSError: it does not answer, or refuses an expression.
    """
    return {
        str(panel["id"]): [_answer(target, url, window) for target in panel.get("targets", [])]
        for panel in board["panels"]
    }


def _answer(target: dict[str, Any], url: str, window: Window) -> dict[str, Any]:
    expression = target["expr"]
    for name, value in window.variables.items():
        expression = expression.replace(name, value)
    span = {"start": f"{window.start}", "end": f"{window.end}"}
    if target.get("instant"):
        result = _ask(url, "query", query=expression, time=span["end"])["result"]
    else:
        result = _ask(url, "query_range", query=expression, step=f"{window.step_seconds}", **span)["result"]
    exemplars = _ask(url, "query_exemplars", query=expression, **span) if target.get("exemplar") else []
    return {"legend": target.get("legendFormat", ""), "ref": target["refId"], "result": result, "exemplars": exemplars}


def _ask(url: str, path: str, **parameters: str) -> Any:
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - ours
        return json.load(answer)["data"]
