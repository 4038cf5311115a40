"""gRPC and REST are two interfaces to one service: every method and every error is the same through both."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from modicum_server import errors
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.errors import status_of_error
from modicum_server.transports.http.rest.openapi.refusals import OF_PAGES
from modicum_server.transports.http.rest.routes import bindings_of

from tests.rest.both_doors_walk import Walker, walk
from tests.rest.rest_stage import TOKENS
from tests.rest.two_doors import METHODS, Outcome, by_grpc, by_rest, in_json_names

#: Reasons that the walk below cannot reach. `test_every_error_is_the_same` covers these too.
NOT_WALKED = {
    "ARTIFACT_CORRUPT",  # tests/rest/test_rest_artifacts.py
    "DATABASE_FULL",
    "DEPENDENCY_UNAVAILABLE",
    "DISK_FULL",
    "ENDPOINTS_UNREADABLE",  # tests/endpoints/test_entries_file.py
    "ISSUER_UNAVAILABLE",  # tests/rest/test_trust.py
    "MEDIA_TYPE_UNKNOWN",  # only HTTP
    "PROJECT_FULL",  # tests/usecases/test_project_limits.py
    "RESULT_ERASED",  # tests/usecases/test_erasing.py
    "REQUEST_TOO_LARGE",  # gRPC itself replies with those
    "SCHEMA_OUTDATED",
    "TOO_MANY_CALLS",  # tests/transports/test_many_calls.py
    "SERVER_STOPPING",
    "SHARE_EXCEEDED",  # tests/rest/test_rest_bodies.py
    "TOO_MANY_PASSES",  # tests/usecases/test_project_limits.py
    "TOO_MANY_WATCHERS",
    "TRUST_RULES_FULL",  # tests/usecases/test_trust_rules.py
    "UPLOAD_BUSY",  # tests/rest/test_rest_artifacts.py
}

#: Methods that change something; the others that are no GET only look. Small artifacts have an entry of UploadArtifact
#: each.
CHANGING = {name for name, method in METHODS.items() if any(one.verb != "GET" for one in bindings_of(method))} - {
    "FindMissingArtifacts",
    "UploadSmallArtifacts",
}


def alike(outcome: Outcome, project: str) -> Outcome:
    """The outcome without what differs between two projects and two moments: names, times, page tokens."""

    def even(text: str) -> str:
        text = text.replace(project, "projects/P").replace(project.split("/")[1], "P")
        text = re.sub(r"tokens/[0-9a-f]{16}|token [0-9a-f]{16}|modicum_[0-9A-Za-z]{46}", "TOKEN", text)
        text = re.sub(r"(verdicts|reviews|erasures)/[0-9a-f]{12}-[0-9a-f]{10}", r"\1/ID", text)
        text = re.sub(r"/review#[\w-]{43}", "LINK", text)
        text = re.sub(r'"digest": "[0-9a-f]{64}"', "DIGEST", text) if "overRandom" in text else text
        return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", re.sub(r'"nextPageToken": "[^"]+"', "TOKEN", text))

    told = outcome.reply
    if isinstance(told, dict) and "tokens" in told:  # in the order of their ids, which are random
        told = {**told, "tokens": sorted(told["tokens"], key=lambda token: json.dumps({**token, "name": ""}))}
    if isinstance(told, dict) and "entries" in told:  # ids and hashes differ, and the ids of tokens in details
        kept = ("principal", "verb", "resource", "outcome")
        told = {**told, "entries": [{name: entry.get(name) for name in kept} for entry in told["entries"]]}
    reply = told if isinstance(told, bytes) else even(json.dumps(told, sort_keys=True))
    return outcome.in_words(reply, even)


async def test_both_doors_agree_on_every_method_and_on_every_error_that_a_caller_provokes(served, issuer):
    left, right = (Walker(served, door, f"projects/of-{door}", issuer) for door in ("grpc", "rest"))

    for walker in (left, right):
        await walk(walker)

    for place, ((method, by_left), (_, by_right)) in enumerate(zip(left.outcomes, right.outcomes, strict=True)):
        assert alike(in_json_names(by_left), left.project) == alike(by_right, right.project), (place, method)
    assert left.methods == right.methods == METHODS.keys()
    for walker in (left, right):
        # each change leaves its entry, and nothing else does; the project that was deleted has no trail to read
        assert {entry["verb"] for entry in walker.trail} == CHANGING - {"DeleteProject"}
        assert {entry["clientAddress"] for entry in walker.trail} == {"127.0.0.1"}
        assert all(entry["requestId"] for entry in walker.trail)
    met = {outcome.reason for _, outcome in left.outcomes}
    assert public_reasons() - NOT_WALKED - met == set()


def tree(kind: type[errors.ModicumError] = errors.ModicumError) -> Iterator[type[errors.ModicumError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def public_reasons() -> set[str]:
    """The reasons of all raised errors, without the families below the root."""
    families = {kind for kind in errors.ModicumError.__subclasses__() if kind.__subclasses__()}
    raised = set(tree()) - families - {errors.ModicumError}
    return {error(kind).reason for kind in raised - set(OF_PAGES) if status_of_error(kind).public}


def error(kind: type[errors.ModicumError]) -> errors.ModicumError:
    """An error of the class, with whatever its constructor takes."""
    made = kind.__new__(kind)
    errors.ModicumError.__init__(made, "expected this, got that", fact="ä" * 400)
    made.field, made.rule = "some.field[0]", "expected a rule to hold"  # type: ignore[attr-defined]
    return made


@pytest.fixture
def broken(monkeypatch) -> Callable[[BaseException], None]:
    """Makes ListProjects raise an error."""

    def end_by(what: BaseException) -> None:
        async def page(*_args: Any, **_options: Any) -> None:
            raise what

        monkeypatch.setattr("modicum_server.usecases.projects.Projects.page", page)

    return end_by


@pytest.mark.long
async def test_every_error_is_the_same_through_both_doors(served, broken):
    for kind in (*tree(), ValueError):
        broken(ValueError("postgresql://user:secret@host") if kind is ValueError else error(kind))
        by_left = await by_grpc(served.channel, TOKENS["admin"], "ListProjects", {})
        by_right = await by_rest(replace(served.rest(), as_described=False), "ListProjects", {})

        shown = [replace(one, text=re.sub("[0-9a-f]{32}", "ID", one.text)) for one in (by_left, by_right)]
        assert shown[0] == shown[1], kind
        assert (by_left.code, by_right.http_status) == (status_of_error(kind).code, status_of_error(kind).http_status)
        assert "secret" not in by_right.text


@pytest.mark.parametrize("bounds", [Bounds(longest_call_seconds=0.1)])
async def test_a_passed_deadline_is_the_same_through_both_doors(served, monkeypatch):
    async def slow(*_args: Any, **_options: Any) -> None:
        await asyncio.sleep(600)

    monkeypatch.setattr("modicum_server.usecases.projects.Projects.page", slow)

    by_left = await by_grpc(served.channel, TOKENS["admin"], "ListProjects", {})
    by_right = await by_rest(served.rest(), "ListProjects", {})

    assert by_left == by_right
    assert (by_left.code, by_right.http_status) == (grpc.StatusCode.DEADLINE_EXCEEDED, 504)
