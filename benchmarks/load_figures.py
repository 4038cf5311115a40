"""Figures of a load run: pure functions of what was acknowledged, stored and timed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from modicum.v1 import audit_pb2

from benchmarks.traffic import ENDED, Timings

SUCCEEDED = audit_pb2.Audit.STATE_SUCCEEDED
Names = Mapping[str, Sequence[str]]
Audits = Mapping[str, Sequence[audit_pb2.Audit]]


def outcome(names: Names, audits: Audits) -> dict[str, int]:
    """How many audits were acknowledged, ended, succeeded with one finding, were lost, and exist twice.

    An acknowledged audit is lost if it is missing or has not ended. An audit is doubled if it is listed twice or was
    never acknowledged, which happens when one request creates two audits.
    """
    acknowledged = {name for each in names.values() for name in each}
    stored = [audit for each in audits.values() for audit in each]
    listed = Counter(audit.name for audit in stored)
    ended = [audit for audit in stored if audit.state in ENDED]
    return {
        "acknowledged": len(acknowledged),
        "ended": len(ended),
        "succeeded": sum(_whole(audit) for audit in ended),
        "lost": len(acknowledged - {audit.name for audit in ended}),
        "doubled": sum(count - (name in acknowledged) for name, count in listed.items()),
    }


def _whole(audit: audit_pb2.Audit) -> bool:
    progress = audit.progress
    return audit.state == SUCCEEDED and progress.images_done == progress.images_total and not progress.images_failed


def pace(audits: Audits, begun: datetime) -> dict[str, Any]:
    """Seconds from the worker's start to the last end, audits per second, and seconds from each request to its end."""
    ended = [audit for each in audits.values() for audit in each if audit.state in ENDED]
    seconds = max(_seconds(audit.end_time) for audit in ended) - begun.timestamp()
    waits = [_seconds(audit.end_time) - _seconds(audit.create_time) for audit in ended]
    return {
        "seconds": round(seconds, 1),
        "audits_per_second": round(len(ended) / seconds, 2),
        "order_to_end_seconds": {"median": round(np.median(waits).item(), 1), "p99": round(_p99(waits), 1)},
    }


def fairness(audits: Audits) -> dict[str, Any]:
    """How many audits of each project had ended when a third of the largest project's had.

    Projects take turns while they have queued audits. At that moment each other project should have ended all its
    audits, or as many as the largest one. `share` is the smallest ratio of ended to due.
    """
    ends = {project: sorted(_seconds(each.end_time) for each in found) for project, found in audits.items()}
    largest = max(ends, key=lambda project: len(ends[project]))
    third = max(1, len(ends[largest]) // 3)
    moment = ends[largest][third - 1]
    ended = {project: sum(end <= moment for end in each) for project, each in ends.items()}
    due = {project: min(third, len(each)) for project, each in ends.items()}
    return {
        "ordered": {project: len(each) for project, each in ends.items()},
        "due": due,
        "ended": ended,
        "share": min(ended[project] / due[project] for project in ends),
    }


def quantiles(timings: Timings) -> dict[str, dict[str, float]]:
    """Number of calls, median and p99 in milliseconds, by method."""
    return {
        method: {
            "calls": len(seconds),
            "p50_ms": round(1000 * np.median(seconds).item(), 1),
            "p99_ms": round(1000 * _p99(seconds), 1),
        }
        for method, seconds in sorted(timings.items())
    }


def _p99(values: Sequence[float]) -> float:
    return np.quantile(values, 0.99).item()


def _seconds(time: Any) -> float:
    """A protobuf timestamp as seconds since 1970."""
    return float(time.ToNanoseconds()) / 1e9
