"""A real Prometheus for the tests. It scrapes its targets each second and evaluates PromQL over HTTP."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import machine, waiting
from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
RULES = REPOSITORY / "deploy" / "prometheus" / "rules.yml"

#: With pauses, because each look asks a program over HTTP for what changes once a second.
eventually = partial(waiting.eventually, pause_seconds=0.2)


def shipped_rules() -> dict[str, Any]:
    """The shipped rules."""
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    return rules


def rules_without_patience() -> dict[str, Any]:
    """The shipped rules without waiting times: alerts fire at once."""
    rules = shipped_rules()
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    return rules


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def get(self, path: str, **parameters: str) -> Any:
        """The data of a response of its API. An error fails the test."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as response:
                document = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                pytest.fail(f"{parameters}: {error.read().decode()}")
        assert document["status"] == "success"
        return document["data"]

    def samples(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The current values of an expression, by labels."""
        data = self.get("query", query=expression)
        if data["resultType"] == "scalar":
            return {(): float(data["result"][1])}
        return {tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in data["result"]}

    def value(self, expression: str) -> float | None:
        """The single sample of an expression, or None: also where the last scrape of a busy target took too long."""
        samples = self.samples(expression)
        assert len(samples) <= 1, f"{expression}: expected one sample, got {samples}"
        return next(iter(samples.values()), None)

    def until(self, expression: str, wanted: Callable[[float], bool] = lambda value: True) -> float:
        """Wait until an expression has a single sample that is as wanted."""

        def look() -> tuple[float] | None:
            value = self.value(expression)
            return (value,) if value is not None and wanted(value) else None

        return eventually(look, f"{expression} to come true")[0]

    def firing(self) -> set[str]:
        """Names of the firing alerts."""
        alerts = self.get("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


@contextmanager
def running_prometheus(
    folder: Path,
    targets: Mapping[str, Sequence[str]],
    *,
    rules: dict[str, Any] | None = None,
    scrape_seconds: float = 1.0,
) -> Iterator[Prometheus]:
    """Yield a Prometheus that scrapes the host:ports of each job, by the shipped rules without waiting times."""
    program, port = machine.program("prometheus", package="prometheus"), free_port()
    folder.mkdir()
    (folder / "rules.yml").write_text(yaml.safe_dump(rules or rules_without_patience()))
    jobs = [{"job_name": name, "static_configs": [{"targets": list(each)}]} for name, each in targets.items()]
    configuration = {
        "global": dict.fromkeys(("scrape_interval", "evaluation_interval"), f"{scrape_seconds:.0f}s"),
        "rule_files": ["rules.yml"],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    words = [
        *(program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage", "--log.level=warn"),
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as output, subprocess.Popen(words, stdout=output, stderr=output, cwd=folder) as process:
        try:
            prometheus = Prometheus(f"http://127.0.0.1:{port}")
            eventually(lambda: _ready(prometheus.url, process), f"Prometheus to come up; {log.read_text()}")
            yield prometheus
        finally:
            process.terminate()
            process.wait(timeout=60)


def _ready(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, f"Prometheus ended with status {process.returncode}"
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5):
            return True
    except OSError:
        return False
