"""What the use cases and the worker need from outside, as protocols: a store, an artifact store, wake-ups, reports.

Use cases see these and the values of `domain`. Adapters implement them, and `bootstrap` binds them. All ports are in
this one file, although it is long, so that the whole border can be read at once.

A `Transaction` is one database transaction: all that it did exists when it has ended without an error, otherwise
nothing. Lists are read by key: `after` is the key of the last row seen ("" at the start), `limit` the most rows wanted,
and each row comes with its key.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from modicum_server.domain.access import Grant, NewToken, Revoked, Token
from modicum_server.domain.audits import (
    Audit,
    AuditFailure,
    AuditState,
    LeaseState,
    NewShard,
    Shard,
    Stage,
)
from modicum_server.domain.datasets import Artifact, Dataset, DatasetItem
from modicum_server.domain.findings import Finding, FoundSubset, PredictedImage, Prediction, Transfer
from modicum_server.domain.gauges import NewestAudits, VersionVerdict
from modicum_server.domain.models import InputSpecification, Model, ModelCheck, ModelVersion
from modicum_server.domain.projects import Principal, Project, Role
from modicum_server.domain.searches import Canvas
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.verdicts import Verdict, VerdictOutcome

T = TypeVar("T")
Keyed = tuple[str, T]


@dataclass(frozen=True, slots=True)
class RememberedRequest:
    """A request that was served: its method, the digest of its body, the name of the resource that it created."""

    method: str
    body_digest: str
    created: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """The filter of a list of audits; an empty string does not filter."""

    state: AuditState | None = None
    dataset: str = ""
    model_version: str = ""


@dataclass(frozen=True, slots=True)
class VerdictFilter:
    """The filter of a list of verdicts; an empty string does not filter."""

    outcome: VerdictOutcome | None = None
    audit: str = ""
    model_version: str = ""


class Projects(Protocol):
    """Projects, and the principals of tokens."""

    async def get(self, name: str) -> Project | None: ...
    async def page(self, principal: str, *, after: str, limit: int) -> list[Keyed[Project]]: ...
    async def create(self, name: str, *, admin: str) -> Project | None:
        """Create it with `admin` as its admin; None when one of that name exists."""

    async def delete(self, name: str) -> bool:
        """Delete it; False when it is not empty."""

    async def authenticate(self, token_digest: str) -> Principal | None:
        """The principal of a token that has not expired, with the roles that the token carries."""


class Access(Protocol):
    """Grants and tokens. A token carries grants of its principal and has no role of its own."""

    async def grant(self, principal: str, project: str, role: Role) -> Role:
        """Give the role where the principal has none; the role that it then has."""

    async def change_role(self, principal: str, project: str, role: Role) -> None: ...
    async def member(self, project: str, principal: str) -> Grant | None: ...
    async def members(self, project: str, *, after: str, limit: int) -> list[Keyed[Grant]]:
        """By principal."""

    async def lock_admins(self, project: str) -> Sequence[str]:
        """The admins of a project; no other transaction changes them before this one ends."""

    async def remove_member(self, project: str, principal: str) -> None:
        """Delete the grant, and the principal's tokens that are for this project alone."""

    async def projects_of(self, principal: str) -> frozenset[str]:
        """The projects in which a principal has a role."""

    async def revoke(self, principal: str) -> Revoked:
        """Delete all grants and tokens of a principal; these."""

    async def principals(self, token_ids: Sequence[str]) -> list[Principal]:
        """The principals of those of these tokens that are good, with their roles of now."""

    async def add_token(self, digest: str, token: NewToken) -> Token | None:
        """Store a token by its SHA-256; None when it is stored already."""

    async def token(self, token_id: str) -> Token | None: ...
    async def tokens(self, project: str, *, after: str, limit: int) -> list[Keyed[Token]]:
        """Those that are good in this project, by id. Some may have expired."""

    async def all_tokens(self, principal: str) -> list[Token]:
        """Those of a principal, or of everybody if it is empty: by principal, the oldest first."""

    async def delete_token(self, token_id: str) -> None: ...
    async def delete_tokens_named(self, principal: str, display_name: str, *, but: str) -> None:
        """Delete the principal's tokens of this name, except the one with the SHA-256 `but`."""

    async def expire_token(self, token_id: str, at: datetime) -> None:
        """Let it expire at this time, or earlier if it expires earlier."""

    async def note_use(self, token_id: str) -> None:
        """Store that it is used now, at most once a minute."""


class Sessions(Protocol):
    """Sessions of browsers, and links that begin one. Each stands for a token and ends with it."""

    async def create(self, digest: str, token_digest: str, *, seconds: float) -> bool:
        """Begin one for a token; False when there is no such token."""

    async def token_digest(self, digest: str) -> str | None:
        """The digest of the token that a session stands for; None when it has ended."""

    async def delete(self, digest: str) -> None: ...
    async def add_link(self, digest: str, token_digest: str, *, seconds: float) -> bool:
        """Store a link that begins one session; False when there is no such token."""

    async def take_link(self, digest: str) -> str | None:
        """Use up a link; the digest of its token, or None when there is no link any more."""


class Requests(Protocol):
    """Served requests by their id (AIP-155)."""

    async def find(self, project: str, request_id: str) -> RememberedRequest | None:
        """Lock the id for this transaction (also a new one) and return the request that used it."""

    async def remember(self, project: str, request_id: str, request: RememberedRequest) -> None: ...


class Models(Protocol):
    """Models and versions."""

    async def get(self, name: str) -> Model | None: ...
    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Model]]: ...
    async def create(self, name: str) -> Model:
        """Create it, or return the existing one of that name."""

    async def delete(self, name: str) -> None: ...
    async def version(self, name: str) -> ModelVersion | None: ...
    async def version_by_digest(self, model: str, digest: str) -> ModelVersion | None: ...
    async def versions(self, model: str, *, after: str, limit: int) -> list[Keyed[ModelVersion]]:
        """Newest first."""

    async def create_version(self, model: str, version: ModelVersion) -> ModelVersion:
        """Store it under the model's next number (locks the model). The store sets its `name`."""

    async def delete_version(self, name: str) -> None: ...
    async def audits_of(self, name: str) -> list[str]:
        """Names of at most 10 audits, or versions, that refer to a version or to any version of a model."""

    async def accept(self, name: str, check: ModelCheck) -> None: ...
    async def reject(self, name: str, *, reason: str, detail: str) -> None: ...
    async def recheck(self, name: str) -> bool:
        """Make a REJECTED version PENDING, without its reason; False, and no effect, on another one."""


class Datasets(Protocol):
    """Data sets and their items."""

    async def get(self, name: str) -> Dataset | None: ...
    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Dataset]]: ...
    async def create(self, name: str, manifest_digest: str, items: Sequence[DatasetItem]) -> Dataset | None:
        """Store it; None when one of that name exists (the caller compares)."""

    async def delete(self, name: str) -> None: ...
    async def items(self, name: str, *, after: int, limit: int) -> list[tuple[int, DatasetItem]]:
        """Items whose index is greater than `after` (-1 at the start), in order."""

    async def items_at(self, name: str, indices: Sequence[int]) -> list[DatasetItem]: ...
    async def named(self, name: str, items: Sequence[str]) -> Mapping[str, DatasetItem]:
        """Those of the items that the data set has, by item name."""

    async def labels(self, name: str) -> frozenset[str]:
        """The distinct labels, without the empty one."""

    async def audits_of(self, name: str) -> list[str]: ...


class Artifacts(Protocol):
    """Which project holds which bytes."""

    async def get(self, project: str, digest: str) -> Artifact | None: ...
    async def held(self, project: str, digests: Sequence[str]) -> frozenset[str]:
        """Which of them the project holds; they are not deleted until the transaction ends."""

    async def lock(self, digest: str) -> bool:
        """Be alone with the digest until the transaction ends, to bring or delete its bytes; whether it is held.

        Bytes are stored together with their record, and deleted only when no project has one.
        """

    async def add(self, project: str, digest: str, size_bytes: int) -> Artifact:
        """Record it, or return the record."""

    async def referrers(self, project: str, digest: str) -> list[str]:
        """Names of at most 10 versions, data sets, audits and verdicts of the project that refer to it."""

    async def delete(self, project: str, digest: str) -> bool:
        """Delete the record; True when no project holds the bytes any more."""


class Audits(Protocol):
    """Audits. Every change of one raises its `sequence` and is notified at commit."""

    async def get(self, name: str) -> Audit | None: ...
    async def lock(self, name: str) -> Audit | None:
        """Get it and lock its row until the transaction ends."""

    async def page(self, project: str, criteria: AuditFilter, *, after: str, limit: int) -> list[Keyed[Audit]]:
        """Newest first."""

    async def create(self, audit: Audit, item_indices: Sequence[int]) -> Audit | None:
        """Store it with the data-set indices of its items, in order; None when one of that name exists."""

    async def reusable(self, project: str, reuse_key: str) -> Audit | None:
        """The newest audit of that key that SUCCEEDED with a result of its own; locked against deletion."""

    async def newest_device(self) -> str | None:
        """The device that workers chose last, in an audit that left the device open."""

    async def queue_in_turn(self, project: str) -> None:
        """Wait for all transactions of this project that called this before; later ones wait for this one."""

    async def queued_count(self, project: str) -> int: ...
    async def count_by_state(self) -> Mapping[AuditState, int]:
        """The number of audits of all projects in each state; every state has a count."""

    async def items(self, name: str, positions: Sequence[int]) -> list[tuple[int, DatasetItem]]:
        """(position, item) of the audit's items at these positions, in order."""

    async def start(self, name: str, stage: Stage) -> None:
        """RUNNING in `stage`; `start_time` is set the first time; no effect on a terminal one."""

    async def add_progress(self, name: str, *, passes_done: int) -> None:
        """Set the running shards' passes (a total for the audit) and refresh the counts from what is stored."""

    async def plan_rest(self, name: str, passes: int) -> None:
        """Plan these passes beside those that were spent, in place of what was planned before."""

    async def succeed(self, name: str, *, result_digest: str, artifacts: Sequence[str]) -> None:
        """SUCCEEDED, with references to these artifact digests too; no effect on a terminal one."""

    async def fail(self, name: str, failure: AuditFailure) -> None:
        """FAILED unless it has ended; its unclaimed shards are deleted, held ones see CANCELLED at renewal."""

    async def with_rejected_versions(self, *, limit: int) -> list[tuple[str, str]]:
        """(audit, version) of audits that have not ended and name a REJECTED version, one pair for each audit."""

    async def note_parameters(self, name: str, parameters: Mapping[str, object]) -> None:
        """Merge parameters that influenced the result (JSON values; a later value of a key replaces an earlier one)."""

    async def parameters(self, name: str) -> Mapping[str, object]:
        """The noted parameters; may be empty."""

    async def cancel(self, name: str) -> Audit | None:
        """CANCELLED unless it has ended; its unclaimed shards are deleted, held ones see CANCELLED at renewal."""

    async def delete(self, name: str) -> None: ...


class Shards(Protocol):
    """Work that is queued or held. All times are the database's."""

    async def add(self, project: str, audit: str, shards: Sequence[NewShard]) -> None:
        """Queue them, each with a wake-up in the same transaction. `audit` is "" for the check of a version."""

    async def claim(self, worker: str, *, lease_seconds: float, finishing: str = "") -> Shard | None:
        """The fairest: project with the fewest held, then the longest unserved, then the oldest shard; attempt + 1.

        SEARCH shards of a version that is not READY are skipped. The summary of the audit `finishing` comes first: an
        audit whose search is done does not wait behind newer ones.
        """

    async def renew(self, shard: Shard, *, lease_seconds: float, passes_done: int) -> LeaseState:
        """Extend the lease of this attempt; stores its passes."""

    async def hold(self, shard: Shard) -> bool:
        """Lock the shard's row and return whether this attempt still holds it. Every write checks this first."""

    async def finish(self, shard: Shard, *, passes_done: int) -> bool:
        """Delete it; False when this attempt no longer holds it. Its passes move to the audit, which plans no more."""

    async def hand_back(self, shard: Shard, *, failed_tries: int, delay_seconds: float) -> bool:
        """Return it for another attempt, with this count of failed tries, which may begin after the delay."""

    async def split(self, shard: Shard) -> bool:
        """Replace it by two shards with half of its positions each, and no failed tries."""

    async def remaining(self, audit: str, stage: Stage) -> int: ...
    async def drop_unbegun(self, audit: str, stage: Stage, *, kept: Collection[int]) -> None:
        """Delete the stage's shards that nobody ever held. The caller holds the audit's row.

        Those stay that have a position in `kept`, or one of a shard that somebody held.
        """

    async def withdraw(self, audit: str, stage: Stage) -> frozenset[int]:
        """Delete the stage's shards that nobody holds. Return the search indices of all that were left, held or not."""

    async def expire(self) -> int:
        """Return shards with expired leases to the queue, and their number."""

    async def facts(self) -> Mapping[str, float]:
        """`queued`, `held`, `oldest_queued_seconds` and `expired_total`, for the metrics."""


class Findings(Protocol):
    """Findings, unique per audit, version, item and search."""

    async def add(self, audit: str, findings: Sequence[Finding]) -> None:
        """Upsert them (the first one stays)."""

    async def done_positions(self, audit: str, model_version: str, search_index: int) -> frozenset[int]: ...
    async def positions(self, audit: str) -> frozenset[int]:
        """Positions that have a finding of any version under any search."""

    async def at(self, audit: str, positions: Sequence[int]) -> list[Finding]:
        """All findings at these positions, by version, search and position."""

    async def keep(self, audit: str, positions: Sequence[int]) -> None:
        """Delete the findings at all other positions. The audit's progress is then about those that are left."""

    async def critical_temperatures(self, audit: str, model_version: str, search_index: int) -> Sequence[float]:
        """Those of the images that have one."""

    async def subset_positions(self, audit: str, model_version: str, search_index: int) -> frozenset[int]:
        """Positions with a subset that is evidence: the bare fill does not suffice, and it is not the whole image."""

    async def unscored_subsets(
        self, audit: str, scorer: str, search_index: int, positions: Sequence[int]
    ) -> Sequence[FoundSubset]:
        """Such subsets of other versions that `scorer` has not scored, by position and version."""

    async def add_transfers(self, audit: str, search_index: int, transfers: Sequence[Transfer]) -> None:
        """Add transfer results to their findings (the first one of a version stays)."""

    async def predicted(self, audit: str, model_version: str, search_index: int) -> Sequence[PredictedImage]:
        """Images with a predicted class, each with its subset if that is evidence, by position."""

    async def predictions(self, audit: str, model_version: str, search_index: int) -> Mapping[int, Prediction]:
        """By position, the class predicted on the whole image, where there is one.

        The confidence in it is known from searches for the predicted class only.
        """

    async def get(self, name: str) -> Finding | None:
        """By resource name `.../findings/{version index}-{search index}-{position}`."""

    async def page(self, audit: str, *, after: str, limit: int) -> list[Keyed[Finding]]:
        """By version (in the specification's order), search and position."""


class Predictions(Protocol):
    """Predictions on whole images of an audit's other data sets, unique per audit, version, data set and position.

    A `search_index` of `domain.audits` names the data set: OUT_OF_DISTRIBUTION or COUNTERFACTUAL.
    """

    async def add(self, audit: str, model_version: str, search_index: int, predictions: Sequence[Prediction]) -> None:
        """Add them (the first one stays); no effect on an audit that has ended or is gone."""

    async def of(self, audit: str, model_version: str, search_index: int) -> Mapping[int, Prediction]:
        """By position."""


class Spots(Protocol):
    """Rows of the spot test, unique per audit, version and class.

    With `chosen_by` they are those of the places that were chosen for that version and tested on `model_version`.
    """

    async def add(self, audit: str, model_version: str, rows: Sequence[SpotRow], *, chosen_by: str = "") -> None:
        """Add them (the first one stays); no effect on an audit that has ended or is gone."""

    async def of(self, audit: str, model_version: str, *, chosen_by: str = "") -> Sequence[SpotRow]:
        """All rows of a version, by number."""

    async def numbers(self, audit: str, model_version: str, *, chosen_by: str = "") -> frozenset[int]:
        """The numbers of the rows that are stored."""


class Verdicts(Protocol):
    """Verdicts. A stored one never changes."""

    async def get(self, name: str) -> Verdict | None: ...
    async def page(self, project: str, criteria: VerdictFilter, *, after: str, limit: int) -> list[Keyed[Verdict]]:
        """Newest first."""

    async def create(self, verdict: Verdict) -> Verdict | None:
        """Store it; None when its audit is gone. The audit is not deleted until the transaction ends."""

    async def of_audit(self, audit: str) -> list[str]:
        """Names of at most 10 verdicts on an audit."""

    async def delete(self, name: str) -> None: ...


class Gauges(Protocol):
    """What the metrics show besides the facts of the queue, over all projects."""

    async def facts(self) -> Mapping[str, float]:
        """`leases_overdue`, `audits_stalled`, `database_bytes`, and `last_claim` (Unix time) if there was a claim."""

    async def failed_audits(self) -> Mapping[str, int]:
        """FAILED audits that are stored, by reason: a bounded number of reasons."""

    async def newest_audits(self, *, limit: int) -> NewestAudits:
        """The newest SUCCEEDED audit of each registered version, of the `limit` versions audited last."""

    async def newest_verdicts(self, versions: Sequence[str]) -> Mapping[str, VersionVerdict]:
        """The newest verdict on an audit of each of these versions, by version; those that were judged."""


class Overviews(Protocol):
    """What pages show of a project at once."""

    async def newest_verdicts(self, project: str, models: Sequence[str]) -> Mapping[str, Verdict]:
        """The newest verdict on a version of each of these models, by model; those that were judged."""

    async def newest_audits(self, project: str, models: Sequence[str]) -> Mapping[str, Audit]:
        """The newest SUCCEEDED audit of a version of each of these models, by model; those that have one."""

    async def verdicts_of_versions(self, project: str, versions: Sequence[str]) -> Mapping[str, Verdict]:
        """The newest verdict on each of these versions, by version; those that were judged."""

    async def audits_of_versions(self, project: str, versions: Sequence[str]) -> Mapping[str, Audit]:
        """The newest audit of each of these versions in whatever state, by version; those that have one."""

    async def audits_of_model(self, model: str, *, limit: int) -> list[Audit]:
        """The SUCCEEDED audits of any version of a model, newest first."""

    async def count_by_state(self, project: str) -> Mapping[AuditState, int]:
        """The number of audits of a project in each state; every state has a count."""

    async def waiting(self, project: str, *, limit: int) -> list[Audit]:
        """The QUEUED audits of a project, the oldest first."""

    async def ahead_of(self, audit: str) -> int:
        """How many audits of the project are older than this one and have not ended."""

    async def is_held(self, audit: str) -> bool:
        """Whether a worker holds work of this audit."""


class Transaction(Protocol):
    """One database transaction."""

    projects: Projects
    sessions: Sessions
    access: Access
    requests: Requests
    models: Models
    datasets: Datasets
    artifacts: Artifacts
    audits: Audits
    shards: Shards
    findings: Findings
    predictions: Predictions
    spots: Spots
    verdicts: Verdicts
    gauges: Gauges
    overviews: Overviews


class Store(Protocol):
    """Postgres."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...
    async def ping(self) -> None:
        """Raises DependencyUnavailable."""

    async def require_schema(self) -> None:
        """Check that the schema is that of this release, or of a later one.

        Raises DependencyUnavailable or SchemaOutdated.
        """

    async def require_queue(self) -> None:
        """Check that the queue's tables exist. Raises DependencyUnavailable."""

    async def close(self) -> None: ...


class Changes(Protocol):
    """Notifications of changes by other processes, with one listener for each process. Several may arrive as one."""

    def watch(self, audit: str) -> AbstractAsyncContextManager["Watch"]: ...


class Watch(Protocol):
    """One audit's changes."""

    async def changed(self, timeout_seconds: float) -> None:
        """Return when the audit may have changed since the last call, or after the time."""


class Wakeups(Protocol):
    """The queue. It only wakes workers; the rows of the store say what is to do."""

    async def wait(self, timeout_seconds: float) -> None:
        """Return when there may be work, or after the time."""


class Upload(Protocol):
    """An upload in progress."""

    async def write(self, data: bytes) -> None: ...
    async def commit(self) -> None:
        """Raises UploadTruncated (the bytes so far are kept for a resume) or DigestMismatch (they are deleted)."""


class ObjectsCheck(Protocol):
    """Checks that boxes, or a mask, fit a picture. A picture that cannot be read is skipped."""

    def __call__(self, image: bytes, *, boxes: bytes | None = None, mask: bytes = b"", max_pixels: int = ...) -> None:
        """Raises ObjectsInvalid, with what was expected and what came."""


class ArtifactStore(Protocol):
    """Bytes by SHA-256, in a folder or at any fsspec URL. The Store knows who may see which digest."""

    async def received(self, project: str, digest: str) -> int:
        """Bytes that a broken upload of this project left."""

    def upload(self, project: str, digest: str, *, size_bytes: int, offset: int) -> AbstractAsyncContextManager[Upload]:
        """Begin or resume; raises UploadInvalid when `offset` is not what was received, UploadBusy beside another."""

    def read(self, digest: str, *, offset: int = 0) -> AsyncGenerator[bytes]:
        """Yield the bytes from `offset`. A reader that stops early closes the generator, which closes the file."""

    async def put(self, data: bytes) -> str:
        """Store bytes and return their digest."""

    async def put_file(self, path: Path) -> str:
        """Store a local file of any size and return its digest."""

    async def fetch(self, digest: str, destination: Path) -> None:
        """Put the bytes at a local path, by hard link if possible."""

    async def delete(self, digest: str) -> None: ...
    async def ping(self) -> None:
        """Raises DependencyUnavailable."""


class ReportRenderer(Protocol):
    """The forms of a report: pure functions of the result document, the findings and the images."""

    def json(self, document: Mapping[str, Any]) -> "JsonWriter": ...
    def html(
        self,
        document: Mapping[str, Any],
        findings: Iterable[Finding],
        load_image: Callable[[str], bytes | None],
        *,
        inputs: Mapping[str, InputSpecification],
        labels: Mapping[str, Sequence[str]],
    ) -> bytes: ...
    def spot_pictures(
        self,
        document: Mapping[str, Any],
        findings: Iterable[Finding],
        load_image: Callable[[str], bytes | None],
        *,
        inputs: Mapping[str, InputSpecification],
        labels: Mapping[str, Sequence[str]],
    ) -> list[dict[str, Any]]:
        """Pictures of copied spots, for the document of a JSON report."""

    def canvas(self, document: Mapping[str, Any], framing: InputSpecification, canvas: Canvas) -> "CanvasWriter": ...
    def canvas_images(self, findings: Iterable[Finding]) -> list[str]:
        """Digests of the images for `canvas`, each once."""


class JsonWriter(Protocol):
    """Document and findings as one JSON file, written piece by piece."""

    def begin(self) -> bytes: ...
    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Take the next bytes of the findings artifact."""

    def end(self) -> bytes: ...


class CanvasWriter(Protocol):
    """An archive of images on the canvas, written image by image."""

    def add(self, digest: str, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...
