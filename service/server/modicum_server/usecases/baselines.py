"""The audit that stands for the baseline of a policy: the one that is named, or the newest that fits a named version.

No audit is run for it: `modicum gate` does that.
"""

from collections.abc import Mapping
from typing import Any

from modicum.gate.baselines import measured_otherwise
from modicum.gate.policy import BaselineKind, Policy

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.errors import FieldInvalid
from modicum_server.ports import ArtifactStore, AuditFilter, Store, Transaction
from modicum_server.usecases.resource_names import parent_of, project_of
from modicum_server.usecases.rules import shown
from modicum_server.usecases.stored_results import read_document

MODEL_FIELD = "policy.baseline.model"
MOST_READ = 20
"""Results that are looked at for one that was measured alike; the newest ones."""


def baseline_name(named: str, policy: Policy, project: str) -> str:
    """Return the name of the audit to compare with: that of the request, else the policy's.

    Empty for none, and where the policy names a version of a model.

    Raises:
        FieldInvalid: a rule compares and nothing is named, or an audit of another project is.
    """
    field = "baseline"
    if not named and policy.baseline is not None and policy.baseline.kind is BaselineKind.AUDIT:
        given, field = policy.baseline.name, "policy.baseline.audit"
        named = given if given.startswith("projects/") else f"{project}/audits/{given}"
    if not named and _compares(policy) and not _names_a_version(policy):
        rule = f"a rule of {policy.file} compares with a baseline, but no audit is named; name one"
        raise FieldInvalid("baseline", rule)
    if named and project_of("audit", named, field) != project:
        raise FieldInvalid(field, f"expected an audit of {project}, got {shown(named)}")
    return named


async def newest_of_version(
    store: Store, artifacts: ArtifactStore, policy: Policy, audit: Audit, document: Mapping[str, Any]
) -> Audit | None:
    """Return the newest audit of the version that the policy names, alone and on the same images, measured alike.

    None where the policy names no version, or no rule compares.

    Raises:
        FieldInvalid: there is no such version or audit; says in what the newest audit of these images differs.
    """
    if not _compares(policy) or not _names_a_version(policy):
        return None
    assert policy.baseline is not None, "it names a version"
    project = parent_of(audit.name)
    async with store.transaction() as transaction:
        version = await _version(transaction, policy.baseline.name, project)
        criteria = AuditFilter(AuditState.SUCCEEDED, audit.specification.dataset, version)
        page = await transaction.audits.page(project, criteria, after="", limit=MOST_READ)
    kept = [one for _, one in page if one.findings_delete_time is None and one.report_delete_time is None]
    alone = [one for one in kept if one.specification.model_versions == (version,) and one.name != audit.name]
    differs = ""
    for one in alone:
        apart = measured_otherwise(document, await read_document(artifacts, one.result_digest))
        if not apart:
            return one
        differs = differs or apart
    why = f"the newest of these images differs in {differs}" if differs else "no stored audit used these images"
    raise FieldInvalid(
        MODEL_FIELD,
        f"expected an audit of {version} alone with the settings of {audit.name}; {why}; create such an audit",
    )


async def _version(transaction: Transaction, name: str, project: str) -> str:
    """The full name of a version: of MODEL/NUMBER, of MODEL (its newest READY one), or of its full name."""
    model, number = name, ""
    if "/versions/" in name:
        model, number = name.split("/versions/")
    elif not name.startswith("projects/"):
        given, _, number = name.partition("/")
        model = f"{project}/models/{given}"
    if project_of("model", model, MODEL_FIELD) != project:
        raise FieldInvalid(MODEL_FIELD, f"expected a model of {project}, got {shown(name)}")
    if number:
        version = f"{model}/versions/{number}"
        project_of("model version", version, MODEL_FIELD)
        known = await transaction.models.version(version)
        found = "" if known is None else version
    else:
        stored = await transaction.models.get(model)
        found = "" if stored is None else stored.latest_ready_version
    if not found:
        raise FieldInvalid(MODEL_FIELD, f"expected MODEL or MODEL/NUMBER, naming a READY version; got {shown(name)}")
    return found


def _compares(policy: Policy) -> bool:
    return any(rule.needs_baseline for rule in policy.rules)


def _names_a_version(policy: Policy) -> bool:
    return policy.baseline is not None and policy.baseline.kind is BaselineKind.MODEL
