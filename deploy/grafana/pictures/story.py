"""The story of the pictures: real parts at work, and a worker that is killed while it holds a shard.

An API, two workers with TorchServe, Postgres, and a Prometheus that scrapes them with the shipped rules. Two users keep
auditing two versions of a model, one audit after the other. A model's process dies, an audit fails, and a worker is
killed. The pictures are taken once its alert fires, while both users' audits continue.
"""

import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from modicum import AuditCancelled, ModicumError
from safetensors.torch import load_file, save_file

from deploy.grafana.pictures.queries import Window, boards, results_of
from tests.faults.parts import Part
from tests.faults.stage import Stage, stage
from tests.faults.subject import ARCHITECTURE
from tests.metrics.prometheus_running import Prometheus, running_prometheus, shipped_rules
from tests.ports import free_port
from tests.waiting import eventually

SCRAPE_SECONDS = 5.0
#: The worker's defaults, which the faults' stage shortens. Shards take ten seconds, because the pictures span minutes.
VARIABLES = {
    "MODICUM_LEASE_SECONDS": "15",
    "MODICUM_RENEW_SECONDS": "5",
    "MODICUM_HANG_SECONDS": "60",
    "MODICUM_SHARD_SECONDS": "10",
    "MODICUM_METRICS_SECONDS": "5",
}
#: Pass-equivalents per image. An audit takes a few seconds on a quiet machine.
PASSES = 2_000
#: Scales the first version's logits: the second version needs more pixels to be as confident.
SECOND_SCALE = 0.6
#: Seconds for which an alert must fire before the pictures are taken.
SEEN_SECONDS = 30.0


@dataclass
class Story:
    """The parts, and what happened when."""

    stage: Stage
    prometheus: Prometheus
    start: float = field(default_factory=time.time)
    events: list[tuple[float, str]] = field(default_factory=list)
    open_audits: dict[str, Any] = field(default_factory=dict)
    audits_ended: int = 0

    def note(self, text: str) -> None:
        """Record an event now."""
        self.events.append((time.time(), text))
        print(f"{time.time() - self.start:6.0f} s  {text}", flush=True)  # noqa: T201 - a program that says what it does


def recorded(quiet_seconds: float) -> dict[str, Any]:
    """Run the story with `quiet_seconds` of usual work before the worker dies. Return every panel's results as JSON."""
    ports = [str(free_port()), str(free_port())]
    folder = Path(tempfile.mkdtemp(prefix="modicum-pictures-"))
    try:
        with stage(MODICUM_WORKER_METRICS_PORT=ports[0], **VARIABLES) as playing:
            api, workers = playing.http_url.removeprefix("http://"), [f"127.0.0.1:{port}" for port in ports]
            targets = {"modicum-api": [api], "modicum-worker": workers}
            with (
                playing.another_worker(MODICUM_WORKER_METRICS_PORT=ports[1]) as second,
                running_prometheus(
                    folder / "run", targets, rules=shipped_rules(), scrape_seconds=SCRAPE_SECONDS
                ) as prometheus,
            ):
                return _played(Story(playing, prometheus), second, quiet_seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _played(story: Story, second: Part, quiet_seconds: float) -> dict[str, Any]:
    _register_second_version(story)
    with _users(story):
        time.sleep(quiet_seconds / 3)
        _let_a_model_die(story)
        _let_an_audit_fail(story)
        time.sleep(quiet_seconds * 2 / 3)
        with second.away():
            _kill_at_work(story, second)
            eventually(lambda: "ModicumWorkerDown" in story.prometheus.firing(), "the alert", seconds=600)
            story.note("the alert fires")
            time.sleep(SEEN_SECONDS)
            return _seen(story)


def _seen(story: Story) -> dict[str, Any]:
    window = Window(story.start, time.time(), SCRAPE_SECONDS, SCRAPE_SECONDS)
    found = {name: results_of(board, story.prometheus.url, window) for name, board in boards().items()}
    story.note(f"pictures taken; {story.audits_ended} audits ended for their users, none was lost")
    return {
        "start": window.start,
        "end": window.end,
        "step_seconds": window.step_seconds,
        "events": story.events,
        "results": found,
    }


def _register_second_version(story: Story) -> None:
    """Register the model's second version, and one that fails its check."""
    weights = load_file(story.stage.folder / "w.safetensors")
    scaled = {name: value * SECOND_SCALE if name.startswith("head.") else value for name, value in weights.items()}
    save_file(scaled, story.stage.folder / "second.safetensors")
    save_file(
        weights | {"head.weight": torch.full_like(weights["head.weight"], torch.nan)},
        story.stage.folder / "nan.safetensors",
    )
    _register(story, "m", "second.safetensors", wait=True)


def _register(story: Story, model: str, weights: str, *, wait: bool) -> Any:
    folder = story.stage.folder
    return story.stage.client().models.register(
        model,
        weights=folder / weights,
        architecture=ARCHITECTURE,
        input=folder / "input.toml",
        class_labels=folder / "labels.txt",
        wait=wait,
    )


@contextmanager
def _users(story: Story) -> Iterator[None]:
    """Run two users, each with one audit after the other, until the end of the block."""
    done = threading.Event()

    def use(version: str) -> None:
        client = story.stage.client()
        while not done.is_set():
            audit = client.audits.create(
                models=[version], dataset="pictures", thresholds=[0.9], passes=PASSES, reuse=False
            )
            story.open_audits[version] = audit
            with suppress(AuditCancelled):
                audit.wait()
                story.audits_ended += 1
            _err(story)

    users = [threading.Thread(target=use, args=(version,), daemon=True) for version in ("m/1", "m/2")]
    for user in users:
        user.start()
    try:
        yield
    finally:
        done.set()
        for audit in story.open_audits.values():
            with suppress(ModicumError):  # it has just ended
                audit.cancel()
        for user in users:
            user.join()


def _err(story: Story) -> None:
    """Make the mistakes that callers make: an unknown name and an unknown path."""
    with suppress(ModicumError):
        story.stage.client().models.get("misspelt")
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{story.stage.http_url}/v1/project/default", timeout=60)  # noqa: S310 - our own


def _let_a_model_die(story: Story) -> None:
    eventually(lambda: any(_held(story, worker) for worker in story.stage.workers), "a worker at work")
    worker = next(worker for worker in story.stage.workers if _held(story, worker))
    story.stage.model_process(worker).kill()
    story.note("a model's process dies")


def _let_an_audit_fail(story: Story) -> None:
    _register(story, "broken", "nan.safetensors", wait=False)
    with suppress(ModicumError):
        audit = story.stage.client().audits.create(models=["broken"], dataset="pictures", thresholds=[0.9])
        audit.wait()
    story.note("an audit fails: its model returns NaN")


def _kill_at_work(story: Story, worker: Part) -> None:
    eventually(lambda: _held(story, worker), "the second worker at work")
    worker.kill()
    story.note("a worker dies")


def _held(story: Story, worker: Part) -> bool:
    rows = story.stage.sql("SELECT worker FROM shards WHERE lease_until > now() AND worker <> ''")
    return any(f"-{worker.pid}-" in row["worker"] for row in rows)
