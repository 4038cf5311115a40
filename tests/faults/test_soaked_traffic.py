"""Audits beside a soak: each is waited for, and a failed one ends the soak."""

from types import SimpleNamespace
from typing import Any

import pytest
from modicum.errors import Unreachable

from tests.faults import traffic as module
from tests.faults.fault import Reference
from tests.faults.stage import BESIDE
from tests.faults.traffic import Traffic

REFERENCE = Reference(documents={BESIDE: {}}, seconds=1.0, peak_bytes={}, start_seconds=1.0)


class AcknowledgedAudit:
    """An acknowledged audit. Its calls of `wait` end in the given ways, one after the other."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)

    def wait(self) -> None:
        end = self.ends.pop(0)
        if end is not None:
            raise end


@pytest.fixture
def acknowledged(monkeypatch):
    """The audits that will be acknowledged, in this order. After them the API is away."""
    audits: list[Any] = []

    def submitted(*_: object) -> Any:
        if not audits:
            raise Unreachable
        return audits.pop(0)

    monkeypatch.setattr(module, "submitted", submitted)
    monkeypatch.setattr(module, "comparable", lambda _: {})
    return audits


def beside() -> Traffic:
    return Traffic(SimpleNamespace(), REFERENCE, away_seconds=0.01)


def test_an_audit_is_waited_for_again_when_the_api_was_away(acknowledged):
    audit = AcknowledgedAudit(Unreachable(), None)
    acknowledged.append(audit)

    with beside().running() as traffic, traffic.paused():
        pass

    assert (audit.ends, traffic.audits) == ([], 1)


def test_an_audit_that_fails_after_the_last_fault_ends_the_soak(acknowledged):
    acknowledged.append(AcknowledgedAudit(RuntimeError("lost")))

    with pytest.raises(RuntimeError, match="lost"), beside().running():
        pass
