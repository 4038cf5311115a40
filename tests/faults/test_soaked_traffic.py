"""The audits beside a soak: none is forgotten, and what goes wrong with one ends the soak."""

from types import SimpleNamespace
from typing import Any

import pytest
from modicum.errors import Unreachable

from tests.faults import traffic as module
from tests.faults.fault import Reference
from tests.faults.stage import BESIDE
from tests.faults.traffic import Traffic

REFERENCE = Reference(documents={BESIDE: {}}, seconds=1.0, peak_bytes={})


class Asked:
    """An acknowledged audit: its waits end as the test says, one after the other."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)

    def wait(self) -> None:
        end = self.ends.pop(0)
        if end is not None:
            raise end


@pytest.fixture
def asked(monkeypatch):
    """Audits that are acknowledged in this order; afterwards the API is away."""
    audits: list[Any] = []

    def submitted(*_: object) -> Any:
        if not audits:
            raise Unreachable
        return audits.pop(0)

    monkeypatch.setattr(module, "submitted", submitted)
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.01)
    monkeypatch.setattr(module, "comparable", lambda _: {})
    return audits


def test_an_audit_is_waited_for_again_when_the_api_was_away(asked):
    audit = Asked(Unreachable(), None)
    asked.append(audit)

    with Traffic(SimpleNamespace(), REFERENCE).running() as traffic, traffic.paused():
        pass

    assert (audit.ends, traffic.audits) == ([], 1)


def test_what_goes_wrong_after_the_last_fault_ends_the_soak(asked):
    asked.append(Asked(RuntimeError("lost")))

    with pytest.raises(RuntimeError, match="lost"), Traffic(SimpleNamespace(), REFERENCE).running():
        pass
