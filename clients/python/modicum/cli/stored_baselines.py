"""The baseline that a policy names: in a file, or on a server as an audit or as a version of a model."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modicum.cli.documents import read_baseline
from modicum.errors import InvalidSource, PolicyError, retention_passed
from modicum.gate.baselines import measured_otherwise
from modicum.gate.policy import BaselineKind, BaselineSource, Policy
from modicum.gate.recount import stored_digest

if TYPE_CHECKING:
    from modicum.client import Audit, Client

Document = Mapping[str, Any]
AuditAnew = Callable[[str, bool], Document]
"""Audits the version of that name as the new result was audited, and returns its report. The bool allows reuse."""


def baseline_in_file(policy: Policy) -> Document | None:
    """Read the baseline in the file that a policy names, beside the policy; None if it names none.

    Raises:
        InvalidSource: it cannot be read.
    """
    path = baseline_path(policy)
    return None if path is None else read_baseline(path)


def baseline_path(policy: Policy) -> Path | None:
    """Return the file that a policy names as its baseline; None if it names none."""
    source = policy.baseline
    if source is None or source.kind is not BaselineKind.FILE:
        return None
    return Path(policy.file).parent / source.name


def baseline_stored(policy: Policy, document: Document) -> Document | None:
    """Read the baseline of a policy, from its file or from the server; None if it names none.

    Raises:
        InvalidSource: the file cannot be read.
        NotFound: the server has no such audit or version.
        PolicyError: the version has no stored audit that was measured as the result was.
    """
    source = policy.baseline
    if source is None or source.kind is BaselineKind.FILE:
        return baseline_in_file(policy)
    from modicum.client import Client  # noqa: PLC0415  # a file is judged without gRPC

    with Client() as client:
        if source.kind is BaselineKind.AUDIT:
            return report_of(client.audits.get(source.name))
        return _stored_of_version(client, source, document)


def baseline_beside(client: "Client", source: BaselineSource, document: Document, anew: AuditAnew) -> Document:
    """Return the report of the baseline; its version is audited anew where what is stored was measured otherwise.

    Raises:
        NotFound: the server has no such audit or version.
        PolicyError: the audit has several versions.
    """
    if source.kind is BaselineKind.AUDIT:
        stored = report_of(client.audits.get(source.name))
        version = _only_version(stored, source)
    else:
        version = client.models.version(source.name).name
        stored = anew(version, True)  # reuse what is stored and equal
    return anew(version, False) if measured_otherwise(document, stored) else stored


def report_of(audit: "Audit") -> Document:
    """Return the result of an audit with its rows.

    Raises:
        FailedPrecondition: the retention of the project deleted its result or its findings (RETENTION_PASSED).
        InvalidSource: it is not the result whose digest the server names.
    """
    if audit.snapshot.findings_delete_time is not None:
        raise retention_passed(audit.name, "findings", audit.snapshot.findings_delete_time)
    report: Document = json.loads(audit.report("json"))
    digest, named = stored_digest(report), audit.snapshot.result_digest
    if digest != named:
        raise InvalidSource(
            f"{audit.name}: expected the stored result, sha256:{named}, got sha256:{digest}; fetch it again"
        )
    return report


def _stored_of_version(client: "Client", source: BaselineSource, document: Document) -> Document:
    """The newest audit of the version alone, on the result's images, that was measured as the result was."""
    version, dataset = client.models.version(source.name).name, document["specification"]["dataset"]
    differs = ""
    for audit in client.audits.list("state = SUCCEEDED"):
        asked, snapshot = audit.snapshot.specification, audit.snapshot
        if snapshot.findings_delete_time or snapshot.report_delete_time:
            continue
        if tuple(asked.model_versions) == (version,) and asked.dataset == dataset:
            apart = measured_otherwise(document, audit.result().document)
            if not apart:
                return report_of(audit)
            differs = differs or apart
    why = f"the newest of these images differs in {differs}" if differs else "no stored audit used these images"
    raise PolicyError(
        f"the baseline: expected a stored audit of {source.name} alone with the settings of the result; {why}; run "
        "`modicum gate`, which audits it beside the new model"
    )


def _only_version(report: Document, source: BaselineSource) -> str:
    versions: list[str] = [model["model_version"] for model in report["models"]]
    if len(versions) != 1:
        raise PolicyError(f"the baseline: expected an audit of one version, but {source.name} has {len(versions)}")
    return versions[0]
