"""The codec: every field of a record is in its message of the public contract, and comes back."""

from dataclasses import replace

import pytest
from modicum_server.codec import (
    access,
    artifacts,
    audits,
    datasets,
    erasures,
    findings,
    holds,
    models,
    projects,
    searches,
    trust,
    verdicts,
)
from modicum_server.domain.datasets import Dataset, DatasetItem, UsedArtifact
from modicum_server.domain.models import (
    InputSpecification,
    Model,
    ModelVersion,
)
from modicum_server.domain.projects import Project, Role
from modicum_server.domain.searches import Canvas, ControlPlan, Search
from modicum_server.domain.statistics import Statistics

from tests.borders.crossing import assert_crosses, unset
from tests.borders.filling import filled
from tests.borders.records import (
    AUDIT,
    ERASURE,
    FINDING,
    GRANT,
    HOLD,
    NOT_TOLD_OF_AUDITS,
    NOT_TOLD_OF_VERSIONS,
    RETENTION,
    SOURCES,
    TOKEN,
    TRAIL_ENTRY,
    TRUST_RULE,
    VERDICT,
)

THERE_AND_BACK = {
    "finding": (FINDING, findings.finding_message, lambda message: findings.finding_value(message, FINDING.position)),
    "specification": (AUDIT.specification, audits.specification_message, audits.specification_value),
    "statistics": (filled(Statistics), audits.statistics_message, audits.statistics_value),
    "search": (filled(Search), searches.search_message, searches.search_value),
    "control plan": (filled(ControlPlan), searches.control_plan_message, searches.control_plan_value),
    "canvas": (filled(Canvas), searches.canvas_message, searches.canvas_value),
    "retention": (RETENTION, projects.retention_message, projects.retention_value),
    "input": (filled(InputSpecification), models.input_message, models.input_value),
    **{
        f"version of {kind}": (filled(ModelVersion, source=source), models.version_message, models.version_value)
        for kind, source in SOURCES.items()
    },
}


@pytest.mark.parametrize("name", THERE_AND_BACK)
def test_every_field_survives_its_message(name):
    record, message_of, value_of = THERE_AND_BACK[name]

    message = message_of(record)

    hidden = NOT_TOLD_OF_VERSIONS if isinstance(record, ModelVersion) else frozenset()
    assert_crosses(record, value_of(type(message).FromString(message.SerializeToString())), but=hidden)


USED = filled(UsedArtifact)
ONE_WAY = {
    "audit": (
        AUDIT,
        audits.audit_message(AUDIT, 1.5, 3, waits_for_worker=True, waiting_reason="it is full"),
        NOT_TOLD_OF_AUDITS,
    ),
    "model": (filled(Model), models.model_message(filled(Model)), frozenset()),
    "data set": (filled(Dataset), datasets.dataset_message(filled(Dataset)), frozenset()),
    "item": (filled(DatasetItem), datasets.item_message(filled(DatasetItem)), frozenset()),
    "artifact": (USED.artifact, artifacts.used_artifact_message(USED), frozenset({"project"})),  # in its name
    "verdict": (VERDICT, verdicts.verdict_message(VERDICT), frozenset()),
    "project": (filled(Project), projects.project_message(filled(Project), Role.ADMIN), frozenset()),
    "member": (GRANT, access.member_message(GRANT), frozenset({"principal", "project"})),  # in its name
    "erasure": (
        ERASURE,
        erasures.erasure_message(ERASURE),
        frozenset({"receipt"}),
    ),  # beside the others
    "receipt": (ERASURE.receipt, erasures.erasure_message(ERASURE), frozenset()),
    "hold": (HOLD, holds.hold_message(HOLD), frozenset()),
    "trust rule": (TRUST_RULE, trust.trust_rule_message(TRUST_RULE), frozenset()),
    "token": (
        TOKEN,
        access.token_message(replace(TOKEN, project=""), "projects/one"),
        frozenset({"id", "project", "reads_metrics"}),
    ),
    "trail entry": (TRAIL_ENTRY, access.trail_entry_message(TRAIL_ENTRY), frozenset()),
}


@pytest.mark.parametrize("name", ONE_WAY)
def test_every_field_is_in_its_message(name):
    record, message, but = ONE_WAY[name]

    assert_crosses(record, message, but=but)


#: It tells a request without controls from one that leaves them to the server: AUDIT has some.
NEVER_BOTH = frozenset({"specification.no_controls"})


@pytest.mark.parametrize(
    "message",
    [
        *(message for _, message, _ in ONE_WAY.values()),
        findings.finding_message(FINDING, "the name"),
        verdicts.judgement_message(VERDICT),
        *(
            models.version_message(filled(ModelVersion, source=source), waits_for_worker=True, failed_try="no")
            for source in SOURCES.values()
        ),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_every_field_of_a_message_is_set(message):
    assert unset(message, but=NEVER_BOTH) == []
