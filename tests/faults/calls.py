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


@dataclass(frozen=True)
class Answered:
    """Lines in the API's log for calls of this method that ended so, with their request ids; "A|B" is either of two."""

    method: str
    code: str
    at_least: int = 1

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether so many such lines were written since."""
        lines = stage.api.lines("rpc", since=before.log_bytes["api"])
        ended = [
            line
            for line in lines
            if line["method"].endswith(f"/{self.method}")
            and line["code"] in self.code.split("|")
            and line["request_id"]
        ]
        return len(ended) >= self.at_least

    def __str__(self) -> str:
        """In words for the page."""
        times = f" {self.at_least} times" if self.at_least > 1 else ""
        return f"log `rpc` of {self.method}: {self.code.replace('|', ' or ')}{times}, with its request id"
