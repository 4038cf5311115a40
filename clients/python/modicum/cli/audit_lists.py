"""The list of audits: each in one row, with what was found in one sentence."""

from collections.abc import Mapping, Sequence

from modicum.cli.short_results import outcomes_of, worst_first
from modicum.cli.tables import Column, Grid
from modicum.client import Audit
from modicum.errors import ModicumError
from modicum.gate.outcomes import headline_of, worst
from modicum.resource_names import last_part, printable, short_version
from modicum.results import models_of
from modicum.snapshots import AuditOutcome, AuditSnapshot, AuditState

#: Audits whose result is fetched where the server does not tell their outcome. A result document may have megabytes.
MOST_RESULTS = 50
COLUMNS = (
    Column("audit", prose=True),
    Column("state"),
    Column("outcome"),
    Column("headline", prose=True),
    Column("images"),
    Column("models", prose=True),
    Column("data set", prose=True),
    Column("created"),
)


def outcomes_by_result(audits: Sequence[Audit]) -> Mapping[str, AuditOutcome]:
    """What the audits that succeeded found, by result digest: equal audits share a result.

    The server tells it of those whose result it wrote since this release. Of the others the newest results are fetched.
    """
    ended = [audit for audit in audits if audit.state is AuditState.SUCCEEDED and audit.snapshot.result_digest]
    outcomes = {audit.snapshot.result_digest: audit.snapshot.outcome for audit in ended if audit.snapshot.outcome}
    untold = [audit for audit in ended if audit.snapshot.result_digest not in outcomes]
    for audit in untold[:MOST_RESULTS]:
        digest = audit.snapshot.result_digest
        if digest not in outcomes:
            outcomes[digest] = _outcome_of(audit)
    return outcomes


def audits_table(snapshots: Sequence[AuditSnapshot], outcomes: Mapping[str, AuditOutcome]) -> Grid:
    """Audits in rows. A failed audit has the reason as its headline."""
    with_result = [one for one in snapshots if one.state is AuditState.SUCCEEDED and one.result_digest]
    unread = sum(one.result_digest not in outcomes for one in with_result)
    return Grid(
        columns=COLUMNS,
        rows=[_row(one, outcomes.get(one.result_digest, NOTHING)) for one in snapshots],
        caption=f"older results that were not read: {unread}; modicum audits show AUDIT shows one" if unread else "",
    )


def _outcome_of(audit: Audit) -> AuditOutcome:
    """What the result says; nothing where it was deleted meanwhile or cannot be read."""
    try:
        document = audit.document()
        models = models_of(document)
    except ModicumError as error:
        return AuditOutcome(model_version="", outcome="", headline=f"the result cannot be read: {error}")
    model = worst_first(models, document)[0]
    outcomes = outcomes_of(model, document)
    return AuditOutcome(
        model_version=model.model_version,
        outcome=worst(outcomes.values()),
        headline=headline_of(outcomes, model.summary),
    )


def _row(snapshot: AuditSnapshot, found: AuditOutcome) -> Sequence[str]:
    specification = snapshot.specification
    return (
        last_part(snapshot.name),
        snapshot.state,
        found.outcome,
        printable(snapshot.failure_reason or _deleted(snapshot) or found.headline),
        f"{snapshot.images_done} of {snapshot.images_total}",
        ", ".join(map(short_version, specification.model_versions)),
        last_part(specification.dataset),
        f"{snapshot.create_time:%Y-%m-%d %H:%M}",
    )


def _deleted(snapshot: AuditSnapshot) -> str:
    moment = snapshot.report_delete_time
    return "" if moment is None else f"the retention of the project deleted its result on {moment:%Y-%m-%d}"


NOTHING = AuditOutcome(model_version="", outcome="", headline="")
