"""Calls as a client of one's own makes them: one attempt each, no resumes, the request id chosen by the caller."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from modicum.searches import AuditSpecification, Fill, Search, SearchMethod, specification_message
from modicum.v1 import artifact_service_pb2_grpc, audit_pb2, audit_service_pb2, audit_service_pb2_grpc

from tests.faults.fault import ASKED, Trial
from tests.faults.parts import PATIENCE_SECONDS
from tests.faults.signs import Before
from tests.faults.stage import SUBJECT, TOKENS, Stage


def metadata(project: str = SUBJECT) -> tuple[tuple[str, str], ...]:
    """What a call of the project carries."""
    return (("authorization", f"Bearer {TOKENS[project]}"),)


class Caller:
    """One channel to the API."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._audits = audit_service_pb2_grpc.AuditServiceStub(channel)
        self.artifacts = artifact_service_pb2_grpc.ArtifactServiceStub(channel)

    def create(self, request: audit_service_pb2.CreateAuditRequest) -> Any:
        """CreateAudit under way; it waits for a connection, and fails when that breaks."""
        return self._audits.CreateAudit.future(
            request, timeout=PATIENCE_SECONDS, metadata=metadata(), wait_for_ready=True
        )

    def watch(self, audit: str, *, after_sequence: int = 0) -> Any:
        """WatchAudit under way: one attempt, from which snapshots are taken one by one."""
        request = audit_service_pb2.WatchAuditRequest(name=audit, after_sequence=after_sequence)
        return self._audits.WatchAudit(request, timeout=PATIENCE_SECONDS, metadata=metadata(), wait_for_ready=True)


@contextmanager
def caller(stage: Stage, *, slow: bool = False) -> Iterator[Caller]:
    """A caller with a connection of its own for the length of the block; a slow one takes in only what it reads."""
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    narrow = [("grpc.http2.lookahead_bytes", 1), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(stage.address, options=options + narrow * slow) as channel:
        yield Caller(channel)


def create_request(trial: Trial) -> audit_service_pb2.CreateAuditRequest:
    """The audit of every trial, asked for under a request id that the trial draws."""
    search = Search(
        threshold=ASKED["thresholds"][0],
        method=SearchMethod(ASKED["method"]),
        fill=Fill.MEAN,
        pixels_per_step=ASKED["pixels_per_step"],
    )
    specification = AuditSpecification(
        model_versions=(trial.stage.client(SUBJECT).models.version(ASKED["models"][0]).name,),
        dataset=f"{SUBJECT}/datasets/{ASKED['dataset']}",
        canvas=None,
        searches=(search,),
        controls=(),
        seed=0,
        sample=0,
        device="auto",
    )
    return audit_service_pb2.CreateAuditRequest(
        parent=SUBJECT,
        audit=audit_pb2.Audit(specification=specification_message(specification, no_controls=True)),
        request_id=str(uuid.UUID(int=trial.random.getrandbits(128), version=4)),
        no_reuse=True,
    )


def new_audits(trial: Trial) -> list[str]:
    """Audits of the subject that were committed since the trial began."""
    query = "SELECT audit FROM faults.notes WHERE id > %s AND what = 'state' AND project = %s AND detail = 'QUEUED'"
    return [row["audit"] for row in trial.stage.sql(query, trial.before.last_note, SUBJECT)]


def one_new_audit(trial: Trial) -> None:
    """There is this trial's audit and no second one."""
    assert new_audits(trial) == [trial.name], f"expected {trial.name} alone, got {new_audits(trial)}"


@dataclass(frozen=True)
class Answered:
    """A line in the API's log for a call of this method that ended so, with its request id; "A|B" is either of two."""

    method: str
    code: str

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether such a line was written since."""
        lines = stage.api.lines("rpc", since=before.log_bytes["api"])
        return any(
            line["method"].endswith(f"/{self.method}") and line["code"] in self.code.split("|") and line["request_id"]
            for line in lines
        )

    def __str__(self) -> str:
        """In words for the page."""
        return f"log `rpc` of {self.method}: {self.code.replace('|', ' or ')}, with its request id"
