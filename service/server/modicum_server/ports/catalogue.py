"""What is audited: models, data sets, and which project may see which artifact."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from modicum_server.domain.datasets import Artifact, Dataset, DatasetItem, HeldArtifact, UsedArtifact
from modicum_server.domain.models import Model, ModelCheck, ModelVersion
from modicum_server.ports.lists import Keyed


class Models(Protocol):
    """Models and versions."""

    async def get(self, name: str) -> Model | None: ...
    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Model]]: ...
    async def named(self, names: Sequence[str]) -> Mapping[str, Model]:
        """Those of these models that exist, by name."""

    async def create(self, name: str) -> Model:
        """Create it, or return the existing one of that name."""

    async def delete(self, name: str) -> None: ...
    async def version(self, name: str) -> ModelVersion | None: ...
    async def versions_named(self, names: Sequence[str]) -> Mapping[str, ModelVersion]:
        """Those of these versions that exist, by name."""

    async def version_by_digest(self, model: str, digest: str) -> ModelVersion | None: ...
    async def versions(self, model: str, *, after: str, limit: int) -> list[Keyed[ModelVersion]]:
        """Newest first."""

    async def create_version(self, model: str, version: ModelVersion) -> ModelVersion:
        """Store it under the model's next number (locks the model). The store sets its `name`."""

    async def delete_version(self, name: str) -> None: ...
    async def audits_of(self, name: str) -> list[str]:
        """Names of at most 10 audits, open swaps or versions that refer to a version or to any version of a model."""

    async def accept(self, name: str, check: ModelCheck) -> None: ...
    async def reject(self, name: str, *, reason: str, detail: str) -> None: ...
    async def recheck(self, name: str) -> bool:
        """Make a REJECTED version PENDING, without its reason; False, and no effect, on another one."""


class Datasets(Protocol):
    """Data sets and their items."""

    async def get(self, name: str) -> Dataset | None: ...
    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Dataset]]: ...
    async def newest(self, project: str, *, limit: int) -> list[Dataset]:
        """The data sets that were created last, the newest first."""

    async def create(
        self, name: str, manifest_digest: str, items: Sequence[DatasetItem], principal: str = ""
    ) -> Dataset | None:
        """Store it; None when one of that name exists (the caller compares)."""

    async def delete(self, name: str) -> None: ...
    async def items(self, name: str, *, after: int, limit: int) -> list[tuple[int, DatasetItem]]:
        """Items whose index is greater than `after` (-1 at the start), in order."""

    async def items_at(self, name: str, indices: Sequence[int]) -> list[DatasetItem]: ...
    async def object_count(self, name: str, indices: Sequence[int]) -> int:
        """How many of the items at these indices have boxes or a mask."""

    async def named(self, name: str, items: Sequence[str]) -> Mapping[str, DatasetItem]:
        """Those of the items that the data set has, by item name."""

    async def hold(self, names: Sequence[str]) -> None:
        """Let no picture of these data sets be erased until the transaction ends."""

    async def indices_of(self, name: str, images: Collection[str]) -> frozenset[int]:
        """Indices of the items that hold one of these pictures."""

    async def labels(self, name: str) -> frozenset[str]:
        """The distinct labels, without the empty one."""

    async def audits_of(self, name: str) -> list[str]: ...


class Artifacts(Protocol):
    """Which project holds which bytes."""

    async def get(self, project: str, digest: str) -> Artifact | None: ...
    async def get_all(self, project: str, digests: Sequence[str]) -> list[Artifact]:
        """Those of these that the project holds."""

    async def page(self, project: str, *, beginning: str, after: str, limit: int) -> list[Keyed[UsedArtifact]]:
        """Those whose digest begins so, by rising digest."""

    async def held(self, project: str, digests: Sequence[str]) -> frozenset[str]:
        """Which of them the project holds; they are not deleted until the transaction ends."""

    async def use(self, project: str, digests: Sequence[str]) -> frozenset[str]:
        """As `held`, and note to the hour that the project needs them: a collection leaves them for its grace time."""

    async def lock(self, digest: str) -> bool:
        """Be alone with the digest until the transaction ends, to bring or delete its bytes; whether it is held.

        Bytes are stored together with their record, and deleted only when no project has one.
        """

    async def may_delete_bytes(self) -> bool:
        """Whether no backup copies bytes now; if so, none begins until the transaction ends."""

    async def all_held(self, *, after: str, limit: int) -> list[HeldArtifact]:
        """What any project holds, by rising digest, behind `after`."""

    async def add(self, project: str, digest: str, size_bytes: int, *, principal: str = "") -> Artifact:
        """Record it, or return the record. It counts for the principal who uploaded it; results count for nobody.

        What a project and a principal store is counted in one row each. These stay locked until the transaction ends,
        so lock nothing else after this but by `count_in_turn`.
        """

    async def lock_all(self, digests: Iterable[str]) -> None:
        """Be alone with each of these, as `lock`."""

    async def add_all(self, project: str, sizes: Mapping[str, int], *, principal: str = "") -> list[Artifact]:
        """Record each digest with its bytes, as `add`, and return all records."""

    async def stored_bytes(self, project: str) -> int:
        """The bytes of all artifacts that the project holds."""

    async def stored_bytes_of(self, principal: str, projects: Collection[str]) -> int:
        """The bytes of those that these projects hold and the principal uploaded."""

    async def count_in_turn(self, whose: str) -> None:
        """Be alone with what a principal uploaded to several projects until the transaction ends. `add` comes first."""

    async def referrers(self, project: str, digest: str, *, besides: str = "") -> list[str]:
        """Names of at most 10 versions, data sets, audits, verdicts and swaps of the project that refer to it.

        With `besides`, items that hold the picture of that digest do not count.
        """

    async def delete(self, project: str, digest: str) -> bool:
        """Delete the record; True when no project holds the bytes any more."""
