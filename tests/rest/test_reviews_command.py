"""`modicum reviews`, on a real server: draw the pictures, hand out a link, read what the answers say."""

import asyncio
import json
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from modicum.cli import reviews
from modicum.cli.command import app
from modicum.reviews import Invitation, Reviewer
from modicum_server.domain.findings import Subset
from modicum_server.reports.renderer import Renderer
from modicum_server.settings import Settings
from modicum_server.usecases.reports import Reports
from modicum_server.usecases.reviewing import Reviewing
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from structlog.testing import capture_logs
from typer.testing import CliRunner

from tests.commands import Ended
from tests.rest.rest_stage import TOKENS, Served

PAGES = "https://modicum.example.org"


@pytest.fixture
def settings(settings) -> Settings:
    return settings.model_copy(update={"pages_url": PAGES})


@pytest.fixture
async def run(served: Served, monkeypatch):
    """Runs the command as an auditor, with the audit `first`, whose images have subsets of one pixel."""
    name = await served.audit()
    small = {"predicted_class": 1, "target_class": 1, "subset": Subset(b"\x80" + bytes(31), 16, 16, 1)}
    await served.succeed(name, findings=20, each=small)
    monkeypatch.setenv("MODICUM_ADDRESS", f"127.0.0.1:{served.grpc_port}")
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["auditor"])

    async def running(*words: str) -> Ended:
        with capture_logs():  # the server's, which would stand among what the command prints
            done = await asyncio.to_thread(CliRunner().invoke, app, ("reviews", *words))
        return Ended(done.exit_code, done.stdout, done.stderr)

    return running


async def answered(served: Served, link: str) -> None:
    """Say of the first picture behind a link that nothing is there."""
    threads = ThreadsInTurn("reports", 1)
    reports = Reports(served.store, served.artifact_store, Renderer(), threads, settings=Settings())
    able = Reviewing(served.store, served.artifact_store, Renderer(), reports, threads, settings=Settings())
    secret = await able.take_link(link.partition("#")[2])
    await able.answer(secret, (await able.now(secret)).picture_id, None)


async def test_a_review_is_drawn_handed_out_and_read_by_commands(served, run):
    drawn = await run("create", "first", "--seed", "3")
    review = drawn.stdout.split()[0]
    asked = await run("list", "first")
    invited = await run("invite", review, "--name", "Ada")
    link = invited.stdout.strip()
    waiting = await run("list", "first")
    await answered(served, link)
    shown = await run("show", review)
    listed = await run("list", "first")

    assert {one.exit_code for one in (drawn, asked, invited, waiting, shown, listed)} == {0}
    assert review.startswith("first/")
    assert "20 images with a subset of at most 5% of the pixels" in drawn.stdout
    assert f"look: {PAGES}/projects/default/audits/first/reviews/" in drawn.stderr
    assert link.startswith(f"{PAGES}/review#")
    assert "Ada: works once, in one browser, until " in invited.stderr
    assert link.partition("#")[2] not in invited.stderr
    states = [[line for line in one.stdout.splitlines() if review in line] for one in (asked, waiting, listed)]
    assert ["not asked yet" in states[0][0], "not answered yet" in states[1][0], "INCONCLUSIVE" in states[2][0]] == [
        True,
        True,
        True,
    ]
    assert f"{review}: INCONCLUSIVE" in shown.stdout
    assert "whole pictures" in shown.stdout
    assert "subsets less random pixels" in shown.stdout
    assert "Ada" in shown.stdout
    assert "1 of 24" in shown.stdout
    assert "SHA-256" in shown.stdout


@pytest.mark.long
async def test_a_reviewer_gets_another_link(run):
    review = (await run("create", "first")).stdout.split()[0]
    first = await run("invite", review, "--name", "Ada")

    again = await run("invite", review, "--again", "1")
    missing = await run("invite", review, "--again", "2")
    wrong = await run("invite", review, "--again", "0")

    assert again.stdout.startswith(f"{PAGES}/review#")
    assert again.stdout != first.stdout
    assert "Ada: works once" in again.stderr
    assert (missing.exit_code, wrong.exit_code) == (2, 2)
    assert "expected a number below 1" in " ".join(missing.stderr.split())
    assert "--again: expected a number from 1 on" in " ".join(wrong.stderr.split())


@pytest.mark.long
async def test_each_command_prints_json(run):
    drawn = json.loads((await run("create", "first", "--json")).stdout)
    review = drawn["name"]
    invited = json.loads((await run("invite", review, "--json")).stdout)
    shown = json.loads((await run("show", review, "--json")).stdout)
    listed = json.loads((await run("list", "first", "--json")).stdout)

    assert invited["link"].startswith(f"{PAGES}/review#")
    assert invited["reviewer"]["number"] == 0
    assert [one["name"] for one in (shown, *listed)] == [review, review]
    assert shown["outcome"] == "INCONCLUSIVE"


@pytest.mark.long
async def test_only_what_can_be_drawn_is_told_without_drawing(run):
    told = await run("create", "first", "--validate-only")
    listed = json.loads((await run("list", "first", "--json")).stdout)

    assert "20 images with a subset of at most 5% of the pixels; nothing was created" in told.stdout
    assert listed == []


@pytest.mark.parametrize("settings", [Settings(grpc_port=0, http_port=0, grace_seconds=1)])
async def test_a_link_to_a_server_that_only_this_machine_reaches_is_said_to_be_one(run):
    review = (await run("create", "first")).stdout.split()[0]

    invited = await run("invite", review)

    assert invited.stdout.startswith("http://127.0.0.1:")
    assert "reviewer 1: works once" in invited.stderr
    assert "the link opens only on this machine" in " ".join(invited.stderr.split())


def test_where_the_pages_are_not_known_the_path_of_a_link_is_told(monkeypatch, capsys):
    reviewer = Reviewer(0, "Ada", 24, 0, {}, {})
    made = Invitation(reviewer, "/review#secret", datetime(2026, 12, 15, tzinfo=UTC))
    asking = SimpleNamespace(reviews=SimpleNamespace(invite=lambda *_, **__: made), page_of=lambda _: "")
    monkeypatch.setattr(reviews, "Client", lambda **_: nullcontext(asking))

    reviews.invite(review="first/1")

    told = capsys.readouterr()
    assert told.out == "/review#secret\n"
    assert "put the address of the pages in front of it" in " ".join(told.err.split())


@pytest.mark.long
async def test_a_review_is_deleted_by_an_admin(run, monkeypatch):
    review = (await run("create", "first")).stdout.split()[0]

    refused = await run("delete", review)
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["admin"])
    deleted = await run("delete", review)
    gone = await run("show", review)

    assert (refused.exit_code, deleted.exit_code, gone.exit_code) == (2, 0, 2)
    assert f"deleted {review}" in deleted.stderr


@pytest.mark.parametrize("name", ["summer", "a/b/c", "audits/first"])
@pytest.mark.long
async def test_a_review_is_named_with_its_audit(run, name):
    refused = await run("show", name)

    assert refused.exit_code == 2
    assert "expected AUDIT/REVIEW, as `modicum reviews list AUDIT` shows it" in " ".join(refused.stderr.split())
