"""The two clients: AsyncClient runs on the caller's event loop, Client on a private one. They open and close."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modicum.administration import Erasures, Holds, Members, Retentions, Tokens, Trail, Trust
from modicum.arguments import check_deadline
from modicum.artifacts import AsyncArtifacts
from modicum.audit import AsyncAudit
from modicum.audits import AsyncAudits
from modicum.connection import Connection, opened
from modicum.datasets import AsyncDatasets, Dataset
from modicum.endpoints import Endpoint, configured_token, parsed_endpoint
from modicum.erasures import AsyncErasures
from modicum.event_loop_thread import Portal, blocking, blocking_into, streaming, streaming_into
from modicum.holds import AsyncHolds
from modicum.job_identity import has_identity, log_in
from modicum.local import Attachment, attach, token_for
from modicum.members import AsyncMembers, AsyncTokens
from modicum.models import AsyncModels
from modicum.notebooks.audits import snapshot_card
from modicum.projects import usual_project
from modicum.resource_names import Named
from modicum.retention import AsyncRetentions
from modicum.reviews import AsyncReviews
from modicum.snapshots import AuditSnapshot, AuditState
from modicum.trail import AsyncTrail
from modicum.trust import AsyncTrust
from modicum.verdicts import AsyncJudging, AsyncVerdicts, Verdict
from modicum.versions import Model, ModelVersion

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit. `snapshot` is its state at the last reply of the server."""

    _portal: Portal
    _async: AsyncAudit

    refresh = blocking(AsyncAudit.refresh)
    watch = streaming(AsyncAudit.watch)
    wait = blocking(AsyncAudit.wait)
    stop = blocking(AsyncAudit.stop)
    cancel = blocking(AsyncAudit.cancel)
    result = blocking(AsyncAudit.result)
    document = blocking(AsyncAudit.document)
    report = blocking(AsyncAudit.report)
    export_subsets = blocking(AsyncAudit.export_subsets)
    export_fiftyone = blocking(AsyncAudit.export_fiftyone)

    def __repr__(self) -> str:
        return f"<Audit {self.name} {self.state}>"

    def _repr_html_(self) -> str:
        return snapshot_card(self.snapshot)

    @property
    def name(self) -> str:
        """Its resource name; empty if it was only validated."""
        return self._async.name

    @property
    def snapshot(self) -> AuditSnapshot:
        """Its snapshot at the last reply of the server."""
        return self._async.snapshot

    @property
    def state(self) -> AuditState:
        """Its state at the last reply of the server."""
        return self._async.state


@dataclass(frozen=True, slots=True)
class Models:
    """Registered models."""

    _portal: Portal
    _async: AsyncModels

    register = blocking(AsyncModels.register)
    ensemble = blocking(AsyncModels.ensemble)
    input_dropout = blocking(AsyncModels.input_dropout)
    wait = blocking(AsyncModels.wait)
    watch = streaming(AsyncModels.watch)
    get = blocking(AsyncModels.get)
    list = streaming(AsyncModels.list)
    version = blocking(AsyncModels.version)
    versions = streaming(AsyncModels.versions)
    delete = blocking(AsyncModels.delete)


@dataclass(frozen=True, slots=True)
class Datasets:
    """Uploaded data sets."""

    _portal: Portal
    _async: AsyncDatasets

    upload = blocking(AsyncDatasets.upload)
    get = blocking(AsyncDatasets.get)
    list = streaming(AsyncDatasets.list)
    items = streaming(AsyncDatasets.items)
    delete = blocking(AsyncDatasets.delete)


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Artifacts of a project."""

    _portal: Portal
    _async: AsyncArtifacts

    list = streaming(AsyncArtifacts.list)
    upload = blocking(AsyncArtifacts.upload)
    download = blocking(AsyncArtifacts.download)


@dataclass(frozen=True, slots=True)
class Audits:
    """Audits of a project."""

    _portal: Portal
    _async: AsyncAudits

    create = blocking_into(Audit, AsyncAudits.create)
    get = blocking_into(Audit, AsyncAudits.get)
    list = streaming_into(Audit, AsyncAudits.list)
    delete = blocking(AsyncAudits.delete)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Stored verdicts of a project."""

    _portal: Portal
    _async: AsyncVerdicts

    get = blocking(AsyncVerdicts.get)
    list = streaming(AsyncVerdicts.list)
    document = blocking(AsyncVerdicts.document)
    delete = blocking(AsyncVerdicts.delete)


@dataclass(frozen=True, slots=True)
class Reviews:
    """Blind reviews of the audits of a project."""

    _portal: Portal
    _async: AsyncReviews

    create = blocking(AsyncReviews.create)
    get = blocking(AsyncReviews.get)
    list = streaming(AsyncReviews.list)
    invite = blocking(AsyncReviews.invite)
    delete = blocking(AsyncReviews.delete)


class Client:
    """A synchronous client. It connects when it is created; `with` or `close` closes it.

    Args:
        address: host:port, or https://host:port for TLS. Default: MODICUM_ADDRESS. Without either, a local server is
            used; it is started if none runs, and stops when its last client closes.
        token: the bearer token. Default: MODICUM_TOKEN, else what MODICUM_TOKEN_FILE holds, else the token of the local
            server, which is found by itself. Without one, a job of a pipeline logs in by its identity
            (MODICUM_ID_TOKEN, or GitHub's own variables).
        local: use the local server even if MODICUM_ADDRESS or MODICUM_TOKEN is set.
        data: data folder of the local server. Default: MODICUM_DATA, else the user's data folder.
        project: id of the project to work in. Default: MODICUM_PROJECT, else `default`.
        timeout_seconds: deadline of one call, with its retries.

    Raises:
        InvalidArgument: the address, the token or `timeout_seconds` is not valid, or a token would be sent
            unencrypted (InsecureAddress).
        LocalServerError: the local server is needed, but is not installed or does not start.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        local: bool = False,
        data: str | Path | None = None,
        project: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        check_deadline(timeout_seconds)
        self._attachment = resolved(address, token=token, local=local, data=data)
        self._portal = Portal(keeps=self._attachment)  # the parts of a client may outlive it
        try:
            connection = self._portal.run(
                _open(self._attachment.endpoint, project=project, timeout_seconds=timeout_seconds)
            )
        except BaseException:
            self._portal.close()
            self._attachment.release()
            raise
        self._connection = connection
        self.models = Models(self._portal, AsyncModels(connection))
        self.datasets = Datasets(self._portal, AsyncDatasets(connection))
        self.artifacts = Artifacts(self._portal, AsyncArtifacts(connection))
        self.audits = Audits(self._portal, AsyncAudits(connection))
        self.verdicts = Verdicts(self._portal, AsyncVerdicts(connection))
        self.reviews = Reviews(self._portal, AsyncReviews(connection))
        self.members = Members(self._portal, AsyncMembers(connection))
        self.tokens = Tokens(self._portal, AsyncTokens(connection))
        self.trust = Trust(self._portal, AsyncTrust(connection))
        self.trail = Trail(self._portal, AsyncTrail(connection))
        self.erasures = Erasures(self._portal, AsyncErasures(connection))
        self.holds = Holds(self._portal, AsyncHolds(connection))
        self.retention = Retentions(self._portal, AsyncRetentions(connection))
        self._async = AsyncJudging(connection)

    judge = blocking(AsyncJudging.judge)
    gate = blocking(AsyncJudging.gate)

    @property
    def address(self) -> str:
        """Address of the server."""
        return self._connection.endpoint.target

    def page_of(self, name: str) -> str:
        """Address of the page of a resource, by its full name; empty where no reply said where the pages are."""
        return self._connection.page_of(name)

    def close(self) -> None:
        """Close the connection and release the local server, if one is used. Closing twice does nothing."""
        if self._attachment.released:
            return
        try:
            self._portal.run(self._connection.close())
        finally:
            self._portal.close()
            self._attachment.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """An asynchronous client: `async with AsyncClient() as client`. It takes the arguments of `Client`."""

    models: AsyncModels
    datasets: AsyncDatasets
    artifacts: AsyncArtifacts
    audits: AsyncAudits
    verdicts: AsyncVerdicts
    reviews: AsyncReviews
    members: AsyncMembers
    tokens: AsyncTokens
    trust: AsyncTrust
    trail: AsyncTrail
    erasures: AsyncErasures
    holds: AsyncHolds
    retention: AsyncRetentions

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        local: bool = False,
        data: str | Path | None = None,
        project: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        check_deadline(timeout_seconds)
        self._resolve = lambda: resolved(address, token=token, local=local, data=data)
        self._project = project
        self._timeout_seconds = timeout_seconds
        self._attachment: Attachment | None = None
        self._connection: Connection | None = None

    async def __aenter__(self) -> Self:
        self._attachment = await asyncio.to_thread(self._resolve)
        try:
            self._connection = await _open(
                self._attachment.endpoint, project=self._project, timeout_seconds=self._timeout_seconds
            )
        except BaseException:
            self._attachment.release()
            raise
        self.models = AsyncModels(self._connection)
        self.datasets = AsyncDatasets(self._connection)
        self.artifacts = AsyncArtifacts(self._connection)
        self.audits = AsyncAudits(self._connection)
        self.verdicts = AsyncVerdicts(self._connection)
        self.reviews = AsyncReviews(self._connection)
        self.members = AsyncMembers(self._connection)
        self.tokens = AsyncTokens(self._connection)
        self.trust = AsyncTrust(self._connection)
        self.trail = AsyncTrail(self._connection)
        self.erasures = AsyncErasures(self._connection)
        self.holds = AsyncHolds(self._connection)
        self.retention = AsyncRetentions(self._connection)
        self._judging = AsyncJudging(self._connection)
        return self

    async def judge(
        self,
        audit: Named | str,
        policy: str | Path | Mapping[str, Any],
        *,
        baseline: Named | str = "",
        version: Model | ModelVersion | str = "",
        validate_only: bool = False,
    ) -> Verdict:
        """Judge an audit that succeeded by a policy, and store the verdict, as `Client.judge` does."""
        return await self._judging.judge(audit, policy, baseline=baseline, version=version, validate_only=validate_only)

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
        """Audit a model as a policy asks, and judge the model on the server, as `Client.gate` does."""
        return await self._judging.gate(
            model, dataset, policy, counterfactual=counterfactual, baseline=baseline, reuse=reuse
        )

    def page_of(self, name: str) -> str:
        """Address of the page of a resource, as `Client.page_of` has it."""
        return "" if self._connection is None else self._connection.page_of(name)

    async def close(self) -> None:
        """Close the connection and release the local server, if one is used. Closing twice does nothing."""
        if self._connection:
            await self._connection.close()
        if self._attachment:
            self._attachment.release()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def resolved(address: str | None, *, token: str | None, local: bool, data: str | Path | None) -> Attachment:
    """The server to use: the one at the address, else a local one, which is started if none runs.

    A token that was set is used for either. With `local`, variables are not read: they are those of another server.
    """
    address = address or ("" if local else os.environ.get("MODICUM_ADDRESS", ""))
    folder = Path(data) if data else None
    if not address:
        own = token or ("" if local else configured_token())
        return attach(folder).with_token(own)
    endpoint = parsed_endpoint(address)
    token = token or configured_token() or token_for(endpoint, folder)
    return Attachment(Endpoint(endpoint.host, endpoint.port, tls=endpoint.tls, token=token))


async def _open(endpoint: Endpoint, *, project: str | None, timeout_seconds: float) -> Connection:
    asked = project or usual_project()
    connection = opened(
        endpoint, project=f"projects/{asked.removeprefix('projects/')}", timeout_seconds=timeout_seconds
    )
    if not endpoint.token and has_identity():
        try:
            await log_in(connection)
        except BaseException:
            await connection.close()
            raise
    return connection
