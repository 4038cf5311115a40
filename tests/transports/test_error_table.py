from collections.abc import Iterator

import grpc
import pytest
from modicum_server import errors
from modicum_server.endpoints.answers import EndpointRefused
from modicum_server.model_server import ExecutableNotEnclosed, TaskFailed
from modicum_server.transports.errors import TABLE, UNKNOWN, status_of_error
from modicum_server.transports.grpc.statuses import status_of
from modicum_server.transports.refusals import deadline_refusal, refusal_of


def tree(kind: type[errors.ModicumError] = errors.ModicumError) -> Iterator[type[errors.ModicumError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def example(kind: type[errors.ModicumError]) -> errors.ModicumError:
    arguments = {
        errors.FieldInvalid: ("field", "rule"),
        errors.PolicyInvalid: ("field", "rule"),
        TaskFailed: ("REASON", "detail"),
        ExecutableNotEnclosed: ("isolation",),
        EndpointRefused: ("status 401", "401"),
    }
    options = {TaskFailed: {"model_at_fault": True}}
    return kind(*arguments.get(kind, ()), **options.get(kind, {}))


@pytest.mark.parametrize("kind", list(tree())[1:])
def test_every_error_has_a_row_of_its_family(kind):
    assert status_of_error(kind) is not UNKNOWN
    assert example(kind).reason.isupper()


def test_every_row_is_an_error_of_the_tree():
    assert TABLE.keys() <= set(tree())


def test_the_head_of_errors_draws_the_whole_tree():
    assert [kind.__name__ for kind in tree() if kind.__name__ not in errors.__doc__] == []


def test_reasons_are_different():
    reasons = [example(kind).reason for kind in tree()]

    assert len(set(reasons)) == len(reasons)


def test_what_never_leaves_the_worker_would_not_be_shown():
    for kind in tree(errors.ModelServerError):
        assert not status_of_error(kind).public
        assert refusal_of(example(kind), "id-1").text.endswith("request id id-1")


def test_a_foreign_error_shows_nothing_of_itself():
    status = status_of(refusal_of(ValueError("postgresql://user:secret@host/"), "id-1"))

    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert b"secret" not in status.SerializeToString()


def test_a_long_message_fits_into_the_trailers():
    error = errors.ModelRejected("x" * 100_000, detail="y" * 100_000)

    assert len(status_of(refusal_of(error, "id-1")).SerializeToString()) < 8192


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (120.0, "did not finish within 120 s"),
        (0.25, "within 0.25 s"),
        (0.0, "deadline of the call had already passed"),
        (-1.0, "deadline of the call had already passed"),
    ],
)
def test_a_deadline_that_had_passed_already_is_not_told_as_a_time(seconds, says):
    refusal = deadline_refusal(seconds, "r")

    assert says in refusal.text
    assert refusal.reason == "DEADLINE_EXCEEDED"


def test_a_message_from_a_docstring_keeps_its_words():
    assert str(errors.TokenMissing()).startswith("a bearer token is required: ")
