"""The progress of a check and of an audit: how far it is, how fast it runs, and how long it will take."""

from collections.abc import Callable
from itertools import chain
from time import monotonic

from modicum.cli.progress import View
from modicum.client import Audit, Client
from modicum.gate.counting import counted
from modicum.gate.numbers import percent
from modicum.resource_names import last_part, short_version
from modicum.snapshots import AuditSnapshot, AuditState
from modicum.versions import ModelVersion, VersionState

SECONDS_PER_MINUTE = 60
#: A rate over a shorter time is not shown: it depends on the start more than on the work.
SHORTEST_RATE_SECONDS = 3.0
QUEUED_FIRST = "queued until a worker is free and has loaded the model"
#: What the check of a version waits for, where a worker is there.
CHECKED = "waiting until a worker has loaded and checked it"


class Pace:
    """Passes per second since the first snapshot that had any."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._start: tuple[float, int] | None = None

    def rate(self, snapshot: AuditSnapshot) -> float | None:
        """The rate; None while it is unknown."""
        now = self._clock()
        if self._start is None:
            if snapshot.passes_done:
                self._start = (now, snapshot.passes_done)
            return None
        elapsed = now - self._start[0]
        return (snapshot.passes_done - self._start[1]) / elapsed if elapsed >= SHORTEST_RATE_SECONDS else None


def checked(client: Client, version: ModelVersion, shown: View) -> ModelVersion:
    """Wait until a worker has checked a version.

    Raises:
        ModelRejected, DeadlineExceeded: as `client.models.wait`.
    """
    said = ""
    seen = version
    for seen in chain([version], client.models.watch(version)):
        says = _check_text(seen)
        if says not in {"", said}:
            shown.say(f"model {short_version(seen.name)}: {says}")
            said = says
    return seen


def _check_text(version: ModelVersion) -> str:
    """What the check of a version waits for, or why its last try failed; empty when it is READY."""
    if version.state is not VersionState.PENDING:
        return ""
    if version.failed_try:
        return f"{version.failed_try}. It is tried again"
    waits = "no worker that can check it runs yet; waiting until one has started"
    return waits if version.waits_for_worker else CHECKED


def watched(audit: Audit, shown: View) -> None:
    """Show the progress of an audit until it ends.

    Raises:
        AuditNotCompleted: it ended without a result.
    """
    pace = Pace()
    step = f"audit {last_part(audit.name)}"
    for snapshot in audit.watch():
        shown.show(step, _share(snapshot), _detail(snapshot, pace.rate(snapshot)))
    audit.wait()


def say_where(client: Client, name: str, shown: View) -> None:
    """Say where people find the page of a resource, if the server says where its pages are."""
    if page := client.page_of(name):
        shown.say(f"look: {page}")


def _share(snapshot: AuditSnapshot) -> float:
    """The share of the planned passes that are done. It is 1 only when the audit has ended."""
    passes = snapshot.passes_done / snapshot.passes_planned if snapshot.passes_planned else 0.0
    return 1.0 if snapshot.state.terminal else min(passes, 0.99)


def _detail(snapshot: AuditSnapshot, rate: float | None) -> str:
    parts = [_state_text(snapshot)]
    if snapshot.remaining_seconds is not None and not snapshot.state.terminal:
        parts.append(f"at most {duration(snapshot.remaining_seconds)} left")
    parts.append(f"{snapshot.images_done} of {snapshot.images_total} images")
    if not snapshot.state.terminal:
        parts.append(f"{snapshot.passes_done:,} of at most {snapshot.passes_planned:,} passes")
    if snapshot.images_failed:
        parts.append(f"{snapshot.images_failed} failed")
    if snapshot.mean_subset_fraction is not None:
        parts.append(f"mean subset {percent(snapshot.mean_subset_fraction)}")
    if rate:
        parts.append(f"{rate:,.0f} passes/s" if rate >= 1 else f"{rate:.2g} passes/s")
    return ", ".join(parts)


def _state_text(snapshot: AuditSnapshot) -> str:
    """What a queued or running audit waits for, its stage, or its state."""
    if snapshot.waiting_reason:
        return f"waiting: {snapshot.waiting_reason}"
    if snapshot.state == AuditState.QUEUED:
        return f"queued behind {counted(snapshot.audits_ahead, 'audit')}" if snapshot.audits_ahead else QUEUED_FIRST
    if snapshot.waits_for_worker:
        return "waiting for a free worker"
    return snapshot.stage.lower() or "running" if snapshot.state == AuditState.RUNNING else snapshot.state.lower()


def duration(seconds: float) -> str:
    """Seconds as text: 2 min 5 s."""
    minutes, rest = divmod(round(max(seconds, 0)), SECONDS_PER_MINUTE)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
