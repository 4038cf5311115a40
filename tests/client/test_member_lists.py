"""Lists of members, tokens, rules and the trail on a narrow terminal: no time and no digest is broken."""

import io
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from modicum.cli import members, tokens, trail, trust
from rich.console import Console

TIME = datetime(2026, 11, 27, 9, 41, 5, tzinfo=UTC)
TOKEN = SimpleNamespace(
    name=f"projects/default/tokens/{'7' * 26}",
    principal="nightly-gate",
    display_name="the gate that runs [every] night",
    all_projects=False,
    expire_time=TIME,
    last_used_time=TIME,
)
RULE = SimpleNamespace(
    name="projects/default/trustRules/main",
    issuer="https://token.actions.githubusercontent.com",
    audience="https://modicum.example.org:7400",
    claims={"repository_id": "1296269"},
    role="auditor",
    lifetime_seconds=900,
)
ENTRY = SimpleNamespace(
    time=TIME,
    project="projects/default",
    principal="nightly-gate",
    verb="CreateAudit",
    resource="projects/default/audits/a-rather-long-name-of-an-audit",
    outcome="REFUSED",
    reason="TOO_MANY_QUEUED",
    attempts=3,
    detail="",
    client_address="192.0.2.17",
)
LISTS = {
    "members": (members, "list_members", SimpleNamespace(principal="nightly-gate", role="auditor"), ["auditor"]),
    "tokens": (tokens, "list_tokens", TOKEN, ["7" * 26, "2026-11-27 09:41", "[every]"]),
    "trust": (trust, "list_rules", RULE, ["auditor", "15"]),
    "trail": (trail, "list_entries", ENTRY, ["2026-11-27 09:41:05", "CreateAudit", "192.0.2.17"]),
}


@pytest.mark.parametrize("listing", LISTS.values(), ids=LISTS)
def test_a_list_fits_a_narrow_terminal_and_breaks_no_number(monkeypatch, listing):
    module, show, row, whole = listing
    listed = SimpleNamespace(list=lambda *_: [row])
    client = SimpleNamespace(members=listed, tokens=listed, trust=listed, trail=listed)
    shown = io.StringIO()
    monkeypatch.setattr(module, "Client", lambda **_: nullcontext(client))
    monkeypatch.setattr(module, "stdout", lambda: Console(file=shown, width=60))

    getattr(module, show)()

    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    for text in whole:
        assert any(text in line for line in lines), text
