"""Erasures of pictures from a project, with their receipts. Its admins ask for them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from time import monotonic

from modicum.arguments import check_wait
from modicum.connection import Connection
from modicum.datasets import Dataset
from modicum.errors import DeadlineExceeded, InvalidArgument
from modicum.resource_names import checked_text, resource_name
from modicum.timestamps import optional_time, time_value
from modicum.v1 import erasure_pb2, erasure_service_pb2

DONE_TIMEOUT_SECONDS = 600.0
POLL_SECONDS = (0.1, 2.0)


class ErasureState(StrEnum):
    """The state of an erasure. A RUNNING one continues by itself, also after a restart of the server."""

    RUNNING = "RUNNING"
    DONE = "DONE"


class ErasedOutcome(StrEnum):
    """What became of the result of an audit that used the picture.

    SUMMARISED: it was computed again from the other pictures. REMOVED: no picture was left, or the result could not be
    computed again; the audit has no result any more. NONE: the audit had no result. WAITING: this is not done yet.
    """

    WAITING = "WAITING"
    SUMMARISED = "SUMMARISED"
    REMOVED = "REMOVED"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class ErasedItem:
    """An item of a data set that holds the picture. Its row stays; audits leave it out."""

    dataset: str
    item: str


@dataclass(frozen=True, slots=True)
class ErasedResult:
    """What became of the result of an audit. Attestations name the digest of the findings before.

    `outcome` is None for one of a later release.
    """

    audit: str
    outcome: ErasedOutcome | None
    images: int
    result_digest_before: str
    result_digest: str
    findings_digest_before: str
    findings_digest: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure and its receipt: what was removed where, by whom and when.

    Attributes:
        state: None for one of a later release.
        items: the items that hold the picture.
        findings: how many were deleted.
        predictions: the same, of pictures of other data sets.
        spot_rows: rows of the spot test from which its pairs were removed.
        reviews: blind reviews that showed it, which were deleted.
        swaps: swaps of a spot that used it, which were deleted.
        verdicts: whose documents lost their pictures.
        results: the audits that used it.
        artifacts: SHA-256 of the files that the project no longer holds.
        kept_for: what uses the same bytes for another purpose, so that they are kept.
    """

    name: str
    image_digest: str
    state: ErasureState | None
    principal: str
    create_time: datetime
    end_time: datetime | None
    items: tuple[ErasedItem, ...]
    findings: int
    predictions: int
    spot_rows: int
    reviews: tuple[str, ...]
    swaps: tuple[str, ...]
    verdicts: tuple[str, ...]
    results: tuple[ErasedResult, ...]
    artifacts: tuple[str, ...]
    kept_for: tuple[str, ...]


class AsyncErasures:
    """Erasures of pictures."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def erase(self, image: str = "", *, dataset: Dataset | str = "", item: str = "") -> Erasure:
        """Erase a picture from the project, by its digest or by an item that holds it.

        `wait` returns when it is done. Findings, masks, pictures in verdicts, blind reviews that show it and its file
        are deleted. Results are computed again from the other pictures. Backups and downloaded copies are not changed.

        Args:
            image: SHA-256 of the picture.
            dataset: a data set with an item that holds it.
            item: name of that item.

        Raises:
            NotFound: the project holds no such picture.
            FailedPrecondition: an audit or a swap that uses it has not ended.
            PermissionDenied: the caller is no admin.
        """
        if bool(image) == bool(dataset or item):
            raise InvalidArgument("expected the digest of a picture, or a data set with an item; give one of them")
        name = dataset if isinstance(dataset, str) else dataset.name
        request = erasure_service_pb2.EraseImageRequest(
            parent=self._connection.project,
            image_digest=checked_text(image, "digest"),
            dataset=resource_name(self._connection.project, "datasets", name) if name else "",
            item=checked_text(item, "item"),
        )
        return _erasure(await self._connection.call(self._connection.erasures.EraseImage, request))

    async def wait(self, erasure: Erasure | str, *, timeout_seconds: float = DONE_TIMEOUT_SECONDS) -> Erasure:
        """Wait until an erasure is done, and return it.

        Raises:
            DeadlineExceeded: it is not done after `timeout_seconds`. It continues.
        """
        check_wait(timeout_seconds)
        deadline, (pause, longest) = monotonic() + timeout_seconds, POLL_SECONDS
        seen = await self.get(erasure if isinstance(erasure, str) else erasure.name)
        while seen.state is ErasureState.RUNNING:
            if monotonic() > deadline:
                raise DeadlineExceeded(
                    f"{seen.name} was not done within {timeout_seconds:.0f} s and continues; check that a worker is "
                    "running, and that no backup is under way"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)
            seen = await self.get(seen.name)
        return seen

    async def get(self, name: str) -> Erasure:
        """Get an erasure.

        Raises:
            NotFound: there is none of this name.
        """
        request = erasure_service_pb2.GetErasureRequest(name=resource_name(self._connection.project, "erasures", name))
        return _erasure(await self._connection.call(self._connection.erasures.GetErasure, request))

    async def list(self) -> AsyncIterator[Erasure]:
        """List the erasures, newest first.

        Raises:
            PermissionDenied: the caller is no admin.
        """
        request = erasure_service_pb2.ListErasuresRequest(parent=self._connection.project)
        stub = self._connection.erasures
        async for message in self._connection.pages(stub.ListErasures, request, lambda page: page.erasures):
            yield _erasure(message)


def _erasure(message: erasure_pb2.Erasure) -> Erasure:
    known = erasure_pb2.Erasure.State.values()
    state = erasure_pb2.Erasure.State.Name(message.state) if message.state in known else ""
    return Erasure(
        name=message.name,
        image_digest=message.image_digest,
        state=ErasureState.__members__.get(state.removeprefix("STATE_")),
        principal=message.principal,
        create_time=time_value(message.create_time),
        end_time=optional_time(message.end_time, present=message.HasField("end_time")),
        items=tuple(ErasedItem(one.dataset, one.item) for one in message.items),
        findings=message.findings,
        predictions=message.predictions,
        spot_rows=message.spot_rows,
        reviews=tuple(message.reviews),
        swaps=tuple(message.swaps),
        verdicts=tuple(message.verdicts),
        results=tuple(map(_result, message.results)),
        artifacts=tuple(message.artifacts),
        kept_for=tuple(message.kept_for),
    )


def _result(message: erasure_pb2.Erasure.Result) -> ErasedResult:
    known = erasure_pb2.Erasure.Result.Outcome.values()
    name = erasure_pb2.Erasure.Result.Outcome.Name(message.outcome) if message.outcome in known else ""
    return ErasedResult(
        audit=message.audit,
        outcome=ErasedOutcome.__members__.get(name.removeprefix("OUTCOME_")),
        images=message.images,
        result_digest_before=message.result_digest_before,
        result_digest=message.result_digest,
        findings_digest_before=message.findings_digest_before,
        findings_digest=message.findings_digest,
    )
