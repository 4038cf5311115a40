"""An audit in a notebook: its state and how far it is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from modicum.gate.numbers import percent
from modicum.gate.tones import Tone
from modicum.notebooks.markup import card, facts, sentence, shape, text
from modicum.resource_names import last_part, short_version

if TYPE_CHECKING:
    from modicum.snapshots import AuditSnapshot

#: By state, its shape and tone.
STATES = {
    "QUEUED": ("○", Tone.OPEN),
    "RUNNING": ("▸", Tone.LOOK),
    "SUCCEEDED": ("✓", Tone.GOOD),
    "FAILED": ("✕", Tone.BAD),
    "CANCELLED": ("□", Tone.OPEN),
}
#: Versions that are named.
MOST_VERSIONS = 8


def snapshot_card(snapshot: "AuditSnapshot") -> str:
    """The card of an audit at one moment."""
    told = f"{shape(*STATES[snapshot.state])} {text(state_text(snapshot))}"
    return card((sentence(told), facts(_facts(snapshot))), "the fields of the snapshot have the rest.")


def state_text(snapshot: "AuditSnapshot") -> str:
    """The state, and of an audit that has not ended what it waits for, or how far it is."""
    name = last_part(snapshot.name) or "an audit that was only validated"
    if snapshot.failure_detail or snapshot.failure_reason:
        return f"{name} failed: {snapshot.failure_detail or snapshot.failure_reason}"
    waits = " and waits for a free worker" if snapshot.waits_for_worker else ""
    waits = f" and waits, because {snapshot.waiting_reason}" if snapshot.waiting_reason else waits
    ahead = f" behind {snapshot.audits_ahead:,} others" if snapshot.audits_ahead else ""
    done = f": {snapshot.images_done:,} of {snapshot.images_total:,} findings" if snapshot.images_total else ""
    return f"{name} {snapshot.state.lower()}{ahead}{waits}{done}"


def _facts(snapshot: "AuditSnapshot") -> Iterator[tuple[str, str]]:
    asked, left, mean = snapshot.specification, snapshot.remaining_seconds, snapshot.mean_subset_fraction
    versions = [short_version(name) for name in asked.model_versions[:MOST_VERSIONS]]
    more = len(asked.model_versions) - len(versions)
    yield "models", ", ".join(versions) + (f" and {more} more" if more else "")
    yield "data set", last_part(asked.dataset)
    yield "stage", snapshot.stage.lower()
    yield "findings without a measure", f"{snapshot.images_failed:,}" if snapshot.images_failed else ""
    yield "mean subset fraction so far", "" if mean is None else percent(mean)
    yield "passes", f"{snapshot.passes_done:,} of at most {snapshot.passes_planned:,}"
    yield "time left", "" if left is None or snapshot.state.terminal else f"at most {round(left):,} s"
    yield "result reused from", last_part(snapshot.reused_from)
    yield "pictures erased since", f"{snapshot.erased:,}" if snapshot.erased else ""
    for what, moment in (("findings", snapshot.findings_delete_time), ("result", snapshot.report_delete_time)):
        yield f"{what} deleted by retention", "" if moment is None else f"{moment:%Y-%m-%d}"
