"""Names in /metrics: a token shows those of its projects, one for metrics those of all, and no token shows none."""

import threading
import time
from datetime import UTC, datetime

import grpc
import pytest
from modicum.v1 import project_service_pb2 as projects
from modicum_server.domain.access import NewToken
from modicum_server.domain.gauges import ALL_NAMES, NO_NAMES, Sight, VersionAudit, VersionVerdict
from modicum_server.domain.projects import Role
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.errors import DependencyUnavailable
from modicum_server.metrics import api, versions
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.store_metrics import Snapshot
from modicum_server.metrics.versions import Headline, VersionReading, VersionReadings
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import BOUNDS, Bounds
from modicum_server.transports.http import scrapers
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import new_token_id

from tests.tokens import add_token
from tests.transports.test_http_door import fetch
from tests.transports.transports_stage import seen

TEAMS = ("apples", "pears")
ENDED = datetime(2026, 1, 1, tzinfo=UTC)
HEADLINE = Headline(
    "EXACT", 0.9, 0.05, "MEAN", "3x8x8", 0, 20, 0.5, None, None, None, None, None, 0.25, "DECISIVE", "a spot"
)


def reading(team: str) -> VersionReading:
    project = f"projects/{team}"
    version, audit = f"{project}/models/net-of-{team}/versions/1", f"{project}/audits/audit-of-{team}"
    verdict = VersionVerdict(version, f"{project}/verdicts/verdict-of-{team}", audit, VerdictOutcome.PASS, ENDED)
    return VersionReading(
        VersionAudit(version, audit, f"{project}/datasets/set-of-{team}", "0", ENDED), HEADLINE, verdict
    )


READINGS = VersionReadings([reading(team) for team in TEAMS], left_out=3)


def named(text: str) -> set[str]:
    """The teams of which a text has a name."""
    return {team for team in TEAMS if team in text}


@pytest.fixture
def settings(request) -> Settings:
    return Settings(grpc_port=0, http_port=0, metrics_names=getattr(request, "param", False))


@pytest.fixture
def bounds(pauses) -> Bounds:
    return Bounds(pause=pauses)


@pytest.fixture
async def tokens(served, monkeypatch) -> dict[str, str]:
    """A viewer's token for each team, one for both, and one for metrics. Each team has a version with a verdict."""

    async def current(_reader: versions.VersionReader) -> VersionReadings:
        return READINGS

    monkeypatch.setattr(versions.VersionReader, "current", current)
    async with served.store.transaction() as transaction:
        for team in TEAMS:
            await transaction.projects.create(f"projects/{team}", admin="ann")
            await add_token(transaction, team, principal=team, project=f"projects/{team}", role=Role.VIEWER)
            await add_token(transaction, "both", principal="both", project=f"projects/{team}", role=Role.VIEWER)
        for principal in ("prometheus", "ann"):
            new = NewToken(new_token_id(), principal, reads_metrics=True)
            await transaction.access.add_token(token_digest(f"metrics of {principal}"), new)
    return {**{team: team for team in TEAMS}, "both": "both", "metrics": "metrics of prometheus"}


async def test_without_a_token_loopback_shows_no_names(served, tokens):
    status, text = await fetch(served, "/metrics")

    assert (status, named(text)) == (200, set())
    assert "modicum_models_left_out 3.0" in text
    assert "\nmodicum_model_overinterpretation_rate{" not in text


@pytest.mark.parametrize("settings", [True], indirect=True)
async def test_a_setting_shows_all_names_on_loopback(served, tokens):
    assert named((await fetch(served, "/metrics"))[1]) == set(TEAMS)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("settings", [True], indirect=True)
@pytest.mark.parametrize(
    ("host", "shown"), [("evil.example", set()), ("localhost:1", set(TEAMS)), ("[::1]", set(TEAMS))]
)
async def test_a_site_that_points_its_name_at_this_machine_reads_no_names(served, tokens, host, shown):
    assert named((await fetch(served, "/metrics", Host=host))[1]) == shown


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("whose", "shown"), [("apples", {"apples"}), ("pears", {"pears"}), ("both", set(TEAMS)), ("metrics", set(TEAMS))]
)
async def test_a_token_shows_the_names_of_its_projects_and_one_for_metrics_all(served, tokens, whose, shown):
    status, text = await fetch(served, "/metrics", tokens[whose])

    assert (status, named(text)) == (200, shown)
    for team in shown:
        assert (
            f'modicum_model_overinterpretation_rate{{model="net-of-{team}",project="{team}",version="1"}} 0.5' in text
        )
        assert f'verdict="verdict-of-{team}"' in text


@pytest.mark.parametrize("settings", [True], indirect=True)
async def test_a_token_of_one_project_shows_no_more_where_no_token_shows_all(served, tokens):
    assert named((await fetch(served, "/metrics", tokens["apples"]))[1]) == {"apples"}


async def test_whose_grant_ends_sees_no_names_any_more(served, tokens):
    before = named((await fetch(served, "/metrics", "apples"))[1])
    async with served.store.transaction() as transaction:
        await transaction.access.remove_member("projects/apples", "apples")

    assert (before, named((await fetch(served, "/metrics", "apples"))[1])) == ({"apples"}, set())


async def test_while_the_database_is_away_a_token_shows_what_it_showed_before(served, tokens, monkeypatch):
    async def away(*_, **__):
        raise DependencyUnavailable

    for whose in ("apples", "metrics"):
        await fetch(served, "/metrics", tokens[whose])
    monkeypatch.setattr(scrapers, "authenticate", away)

    assert named((await fetch(served, "/metrics", tokens["apples"]))[1]) == {"apples"}
    assert named((await fetch(served, "/metrics", tokens["metrics"]))[1]) == set(TEAMS)
    assert (await fetch(served, "/metrics", tokens["pears"]))[0] == 503


@pytest.mark.parametrize("whose", ["prometheus", "ann"])
@pytest.mark.long_after(1)
async def test_a_token_for_metrics_is_good_for_nothing_else(served, tokens, whose):
    """Not even where its principal is an admin."""
    secret = f"metrics of {whose}"
    caller = served.caller(token=secret)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata)

    assert seen(refused.value).reason == "TOKEN_INVALID"
    assert (await fetch(served, "/v1/projects", secret))[0] == 401


async def test_an_admin_sees_no_token_for_metrics_among_those_of_the_project(served, tokens):
    async with served.store.transaction() as transaction:
        [of_metrics] = [one for one in await transaction.access.all_tokens("ann") if one.reads_metrics]
        listed = await transaction.access.tokens("projects/apples", after="", limit=10)

    assert of_metrics.id not in {token.id for _, token in listed}
    assert {token.principal for _, token in listed} == {"apples", "both"}


async def test_a_guess_waits_and_is_refused_on_loopback_too(served, tokens, pauses):
    assert (await fetch(served, "/metrics", "guessed"))[0] == 401
    assert pauses == [BOUNDS.guess_seconds]


def test_scrapes_at_the_same_moment_each_see_their_own_names(monkeypatch):
    """The registry is shared: a scrape that came between would else show its names to the other one."""
    exposed, metrics, texts = api.exposed_text, ApiMetrics(), {}

    def slowly(registry, accept):
        time.sleep(0.2)
        return exposed(registry, accept)

    def scrape(sight: Sight) -> None:
        texts[sight] = metrics.expose(Snapshot(versions=READINGS).within(sight))[0].decode()

    monkeypatch.setattr(api, "exposed_text", slowly)
    sights = [ALL_NAMES, NO_NAMES, Sight(frozenset({"projects/pears"}))]
    threads = [threading.Thread(target=scrape, args=(sight,)) for sight in sights]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [named(texts[sight]) for sight in sights] == [set(TEAMS), set(), {"pears"}]
