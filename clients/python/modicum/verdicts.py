"""Verdicts that a server stores: judging an audit there, and get, list, document and delete of a stored one."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modicum.audits import AsyncAudits
from modicum.connection import Connection, new_request_id
from modicum.datasets import Dataset
from modicum.errors import InvalidArgument
from modicum.frames import rules_frame
from modicum.gate.needed import refuse_several_versions
from modicum.gate.policy import Level
from modicum.gate.policy_file import policy_given, policy_of
from modicum.gate.stopping import stopping_of
from modicum.gate.verdict import Outcome
from modicum.models import version_name
from modicum.notebooks.verdicts import verdict_card
from modicum.policy_searches import asked_arguments
from modicum.resource_names import Named, full_filter, resource_name
from modicum.timestamps import time_value
from modicum.transfers import download
from modicum.v1 import audit_service_pb2, verdict_pb2, verdict_service_pb2
from modicum.versions import Model, ModelVersion, outcome_value

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCheck:
    """What a rule says of one version, and of one class where it is judged by class.

    Attributes:
        subject: the class, or what else the check is about; empty for all classes together.
        value: None if there is none. `low` and `high` are its interval at `level`; None where that is open.
        n: number of images, pairs or sources behind the value.
        p: p-value of the hypothesis that the rule holds.
        reason: what is missing, or what was found.
        waived: who waived the failure, until when and why; empty if nobody did.
    """

    model_version: str
    subject: str
    outcome: Outcome
    value: float | None
    unit: str
    n: int
    low: float | None
    high: float | None
    level: float | None
    p: float
    reason: str
    waived: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRule:
    """What a rule says.

    Attributes:
        requirement: what it requires, in words; `limits` holds the numbers by their keys in the policy.
        share: the part of the error budget at which it was judged.
        worst: the check that decides, of `check_count`. The verdict's document has all of them.
    """

    id: str
    title: str
    level: Level
    outcome: Outcome
    requirement: str
    limits: Mapping[str, float]
    p: float
    share: float
    check_count: int
    worst: JudgedCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a policy said of the result of an audit. `name` is empty if it was not stored.

    Attributes:
        result_digest: SHA-256 of the result document.
        policy_digest: SHA-256 of the policy's text.
        baseline: the audit that it was compared with; it and its digest may be empty.
        document_digest: SHA-256 of the verdict's document, which has every check.
        principal: who asked for it.
    """

    name: str
    audit: str
    model_versions: tuple[str, ...]
    outcome: Outcome
    summary: str
    rules: tuple[JudgedRule, ...]
    result_digest: str
    policy_digest: str
    baseline: str
    baseline_digest: str
    document_digest: str
    principal: str
    create_time: datetime

    def to_pandas(self) -> "pd.DataFrame":
        """The rules as a table of pandas, a row for each. The verdict's document has every check.

        The columns, in this order:

        * verdict, audit: resource names
        * rule, title, level: the rule's id, what it is about, and error or warn
        * outcome: PASS, FAIL, INCONCLUSIVE or WAIVED
        * requirement: what the rule requires, in words
        * max, min, max_regression, min_ratio_to_baseline: its limits by their keys in the policy; NaN where it has none
        * p, share: the p-value, and the part of the error budget at which it was judged
        * check_count: how many checks it has; what follows is of the worst
        * model_version, subject: the version, and the class or what else the check is about
        * value, unit, n: the number in its unit (a share is 0 to 1), and the images, pairs or sources behind it
        * interval_low, interval_high, interval_level: the interval in the same unit; an end that is open is NaN
        * reason, waived: what is missing or was found; who waived the failure, until when and why

        Raises:
            InvalidArgument: pandas is not installed (PANDAS_NOT_INSTALLED): run pip install pandas.
        """
        return rules_frame(self)

    def _repr_html_(self) -> str:
        return verdict_card(self)


class AsyncJudging:
    """Judges audits on the server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def judge(
        self,
        audit: Named | str,
        policy: str | Path | Mapping[str, Any],
        *,
        baseline: Named | str = "",
        version: Model | ModelVersion | str = "",
        validate_only: bool = False,
    ) -> Verdict:
        """Judge an audit that succeeded by a policy as of today (UTC), and store the verdict on the server.

        Args:
            audit: the audit, or its name.
            policy: the policy's file, or what it would hold as a dictionary.
            baseline: the audit to compare with, or its name, if a rule of the policy compares. Default: what the policy
                names, an audit or a model.
            version: judge only this version of the audit: a version, a model (its newest READY version), or a name.
                Default: all of them together.
            validate_only: store nothing. The verdict then has no name.

        Raises:
            PolicyError: the policy is not valid, or asks for what the result cannot have.
            NotFound: an audit does not exist.
            FailedPrecondition: an audit has no result (AUDIT_NOT_SUCCEEDED).
        """
        text, file = policy_given(policy)
        request = audit_service_pb2.JudgeAuditRequest(
            name=self._audit_name(audit, "audit"),
            policy=text,
            policy_file=file,
            baseline=self._audit_name(baseline, "baseline") if baseline else "",
            request_id=new_request_id(),
            validate_only=validate_only,
            model_version=await version_name(self._connection, version, "version") if version else "",
        )
        reply = await self._connection.call(self._connection.audits.JudgeAudit, request)
        return verdict_value(reply.verdict)

    async def gate(
        self,
        model: Model | ModelVersion | str,
        dataset: Dataset | str,
        policy: str | Path | Mapping[str, Any],
        *,
        counterfactual: Dataset | str = "",
        baseline: Named | str = "",
        reuse: bool = True,
    ) -> Verdict:
        """Audit a model as a policy asks, or reuse an equal result, wait for it, and judge the model on the server.

        Needs the extra `modicum[gate]`, which reads what the policy asks for.

        Args:
            model: a version, a model (its newest READY version), or its name.
            dataset: the data set, or its name.
            policy: the policy's file, or what it would hold as a dictionary. Its key `audit` says what is measured.
            counterfactual: a data set of the same pictures without a suspected cue, or its name.
            baseline: the audit to compare with, or its name, if a rule of the policy compares.
            reuse: use the stored result of an identical audit, if there is one.

        Raises:
            PolicyError: the policy is not valid, a rule needs more than one version or a blind review, or the extra is
                missing.
            NotFound: the model, the data set or the baseline does not exist.
            ModelRejected, DataRefused: model and data do not fit together.
            AuditFailed: the audit failed; `reason` says why.
        """
        read = policy_of(*policy_given(policy), today=datetime.now(UTC).date())
        refuse_several_versions(read)
        audit = await AsyncAudits(self._connection).create(
            models=[model],
            dataset=dataset,
            counterfactual=counterfactual,
            reuse=reuse,
            stopping=stopping_of(read) if read.audit.get("stopping") else None,
            **asked_arguments(read.audit),
        )
        await audit.wait()
        return await self.judge(audit, policy, baseline=baseline)

    def _audit_name(self, given: Named | str, argument: str) -> str:
        name = given if isinstance(given, str) else getattr(given, "name", None)
        if not isinstance(name, str):
            raise InvalidArgument(f"{argument}: expected an audit or its name, got {given!r}")
        return resource_name(self._connection.project, "audits", name)


class AsyncVerdicts:
    """Stored verdicts of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, name: str) -> Verdict:
        """Get the verdict of that name.

        Raises:
            NotFound: it does not exist.
        """
        request = verdict_service_pb2.GetVerdictRequest(name=self._name(name))
        return verdict_value(await self._connection.call(self._connection.verdicts.GetVerdict, request))

    async def list(self, filter: str = "") -> AsyncIterator[Verdict]:  # noqa: A002  # the word of the service
        """List the verdicts, newest first. Examples of `filter` are "outcome = FAIL" and "model_version = resnet18/3".

        Raises:
            InvalidArgument: the filter is not understood.
        """
        stub = self._connection.verdicts
        full = full_filter(self._connection.project, filter)
        request = verdict_service_pb2.ListVerdictsRequest(parent=self._connection.project, filter=full)
        async for message in self._connection.pages(stub.ListVerdicts, request, lambda page: page.verdicts):
            yield verdict_value(message)

    async def document(self, verdict: Verdict | str) -> dict[str, Any]:
        """Fetch the document of a verdict, or of the verdict of that name: every check, as `modicum judge` writes it.

        Raises:
            NotFound: it does not exist.
            InvalidArgument: the verdict was not stored.
        """
        given = await self.get(verdict) if isinstance(verdict, str) else verdict
        if not given.document_digest:
            raise InvalidArgument("verdict: expected a stored one, got one that was only validated")
        document: dict[str, Any] = json.loads(await download(self._connection, given.document_digest))
        return document

    async def delete(self, name: str) -> None:
        """Delete a verdict. Only an admin of the project may.

        Raises:
            NotFound: it does not exist.
            PermissionDenied: the token's role is not admin.
        """
        request = verdict_service_pb2.DeleteVerdictRequest(name=self._name(name))
        await self._connection.delete(self._connection.verdicts.DeleteVerdict, request)

    def _name(self, name: str) -> str:
        return resource_name(self._connection.project, "verdicts", name)


def verdict_value(message: verdict_pb2.Verdict) -> Verdict:
    """The verdict in a message."""
    return Verdict(
        name=message.name,
        audit=message.audit,
        model_versions=tuple(message.model_versions),
        outcome=outcome_value(message.outcome),
        summary=message.summary,
        rules=tuple(map(_rule, message.rules)),
        result_digest=message.result_digest,
        policy_digest=message.policy_digest,
        baseline=message.baseline,
        baseline_digest=message.baseline_digest,
        document_digest=message.document_digest,
        principal=message.principal,
        create_time=time_value(message.create_time),
    )


def _rule(message: verdict_pb2.Verdict.Rule) -> JudgedRule:
    return JudgedRule(
        id=message.id,
        title=message.title,
        level=Level[verdict_pb2.Verdict.Level.Name(message.level).removeprefix("LEVEL_")],
        outcome=outcome_value(message.outcome),
        requirement=message.requirement,
        limits={limit.name: limit.value for limit in message.limits},
        p=message.p,
        share=message.share,
        check_count=message.check_count,
        worst=_check(message.worst),
    )


def _check(message: verdict_pb2.Verdict.Check) -> JudgedCheck:
    interval = message.interval
    return JudgedCheck(
        model_version=message.model_version,
        subject=message.subject,
        outcome=outcome_value(message.outcome),
        value=message.value if message.HasField("value") else None,
        unit=message.unit,
        n=message.n,
        low=interval.low if interval.HasField("low") else None,
        high=interval.high if interval.HasField("high") else None,
        level=interval.level if message.HasField("interval") else None,
        p=message.p,
        reason=message.reason,
        waived=message.waived,
    )
