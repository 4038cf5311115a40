"""Erases a picture from a project, with all that came from it. What is downloaded or backed up is not reached.

One transaction takes it out of the rows of the database and stores the erasure, so an erasure that was replied to goes
on after any crash. `worker.erasing` then makes results and verdicts anew without it, and deletes files.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from modicum_server.domain.documents import RECEIPT
from modicum_server.domain.erasures import (
    ErasedOutcome,
    ErasedResult,
    Erasure,
    ErasureState,
    PictureUse,
)
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.errors import DatasetNotFound, FieldInvalid, ResourceInUse
from modicum_server.ports import ArtifactStore, ErasureNotFound, PictureUnknown, Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.datasets import require_dataset
from modicum_server.usecases.held_resources import refuse_held, refuse_holds
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.resource_names import new_resource_id, project_of
from modicum_server.usecases.rules import check, shown
from modicum_server.usecases.trail import record


@dataclass(frozen=True, slots=True)
class ErasedPicture:
    """Which picture: by its digest, or by the item of a data set that holds it."""

    image_digest: str = ""
    dataset: str = ""
    item: str = ""


class Erasing:
    """Begins erasures, and reads them with their receipts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def erase(self, principal: Principal, parent: str, picture: ErasedPicture) -> Erasure:
        """Erase a picture. Where it is being erased, or was and did not come back, return that erasure.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, DatasetNotFound, PictureUnknown
            ResourceHeld: an audit or a data set that it belongs to is held as evidence.
            ResourceInUse: an audit or a swap that uses it has not ended.
        """
        project = project_of("project", parent, "parent")
        authorise(principal, project, Role.ADMIN)
        _check(picture, project)
        async with self._store.transaction() as transaction:
            digest = picture.image_digest or await _digest_of(transaction, picture)
            await transaction.erasures.take_turn(project)
            known = await transaction.erasures.newest(project, digest)
            held = await transaction.artifacts.get(project, digest)
            if known is not None and (held is None or known.state is ErasureState.RUNNING):
                return known
            # of what the retention of the project deleted, findings may be left
            if held is None and not await transaction.erasures.items(project, digest):
                raise PictureUnknown(f"{project} holds no picture with the digest {digest}", digest=digest)
            begun = await _begin(transaction, project, digest, principal)
            await record(transaction, principal, Verb.ERASE_IMAGE, f"{project}/artifacts/{digest}", begun.name)
            return begun

    async def shown_before(self, principal: Principal, parent: str, picture: ErasedPicture) -> str:
        """Return the digest of a picture that is to be erased, to look at before; empty where there is none.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient
        """
        project = project_of("project", parent, "parent")
        authorise(principal, project, Role.ADMIN)
        try:
            _check(picture, project)
            async with self._store.transaction() as transaction:
                return await _digest_of(transaction, picture)
        except (FieldInvalid, DatasetNotFound):
            return ""

    async def get(self, principal: Principal, name: str) -> Erasure:
        """Get an erasure.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ErasureNotFound
        """
        authorise(principal, project_of("erasure", name), Role.ADMIN)
        async with self._store.transaction() as transaction:
            erasure = await transaction.erasures.get(name)
        if erasure is None:
            raise ErasureNotFound(f"{name}: there is no erasure with this name", name=name)
        return erasure

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[Erasure]:
        """List the erasures of a project, newest first.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, PageTokenInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.ADMIN)
        async with self._store.transaction() as transaction:
            fetch = partial(transaction.erasures.page, parent)
            return await read_page(request, f"erasures of {parent}", fetch, weigh=_weight)


def _check(picture: ErasedPicture, project: str) -> None:
    if bool(picture.image_digest) == bool(picture.dataset or picture.item):
        raise FieldInvalid("image_digest", "expected the digest of a picture, or a data set with an item; give one")
    if picture.image_digest:
        check("image_digest", picture.image_digest, "digest")
    elif project_of("dataset", picture.dataset, "dataset") != project:
        raise FieldInvalid("dataset", f"expected a data set of {project}, got {shown(picture.dataset)}")


async def _digest_of(transaction: Transaction, picture: ErasedPicture) -> str:
    await require_dataset(transaction, picture.dataset)
    found = await transaction.datasets.named(picture.dataset, [picture.item])
    if picture.item not in found:
        raise FieldInvalid("item", f"expected the name of an item of {picture.dataset}, got {shown(picture.item)}")
    return found[picture.item].image_digest


async def _begin(transaction: Transaction, project: str, digest: str, principal: Principal) -> Erasure:
    """Take the picture out of the rows of the database, and store what is still to be done."""
    items = await transaction.erasures.items(project, digest)
    if not items and (users := await transaction.artifacts.referrers(project, digest)):
        raise PictureUnknown(f"{digest} is not a picture of {project}; it belongs to {', '.join(users)}", digest=digest)
    uses = await transaction.erasures.uses(project, digest)
    await refuse_held(transaction, {*(one.dataset for one in items), *(use.audit for use in uses)})
    refuse_holds(await transaction.holds.on_verdicts_of([use.audit for use in uses]))
    unended = await transaction.erasures.unended(items) or await transaction.erasures.open_swaps(uses)
    if unended:
        raise ResourceInUse(
            f"unfinished work uses the picture: {', '.join(unended)}. Wait for it or cancel it, then erase again",
            used_by=", ".join(unended),
        )
    objects = await transaction.erasures.object_files(project, digest)
    removed, composed = await transaction.erasures.remove(uses)
    kept_for = await transaction.artifacts.referrers(project, digest, besides=digest)
    files = await release(transaction, project, {digest, *objects, *composed}, besides=digest)
    receipt = replace(
        removed,
        items=tuple(items),
        results=tuple([await _waiting(transaction, use) for use in uses]),
        artifacts=files,
        kept_for=tuple(kept_for),
    )
    name = f"{project}/erasures/{new_resource_id()}"
    erasure = Erasure(name, digest, ErasureState.RUNNING, principal.name, receipt)
    return await transaction.erasures.begin(erasure, files=files)


async def release(
    transaction: Transaction, project: str, digests: Iterable[str], *, besides: str = ""
) -> tuple[str, ...]:
    """Let a project no longer hold those of these artifacts to which nothing refers; return their digests.

    With `besides`, items that hold that picture do not count. The caller deletes the bytes after the commit.
    """
    released = []
    for digest in sorted(digests):
        await transaction.artifacts.lock(digest)  # who stores what refers to it holds this, too
        if not await transaction.artifacts.referrers(project, digest, besides=besides):
            await transaction.artifacts.delete(project, digest)
            released.append(digest)
    return tuple(released)


async def delete_files(store: Store, artifacts: ArtifactStore, digests: Sequence[str]) -> bool:
    """Delete the bytes that no project holds; False where a backup that runs may still need them.

    Bytes that another project holds too are kept. The receipt does not say so, as it would tell what others hold.
    """
    for digest in digests:
        async with store.transaction() as transaction:
            if not await transaction.artifacts.may_delete_bytes():
                return False
            if not await transaction.artifacts.lock(digest):
                await artifacts.delete(digest)
    return True


async def _waiting(transaction: Transaction, use: PictureUse) -> ErasedResult:
    audit = await transaction.audits.get(use.audit)
    has_result = audit is not None and bool(audit.result_digest)
    return ErasedResult(use.audit, ErasedOutcome.WAITING if has_result else ErasedOutcome.NONE, use.images)


def _weight(erasure: Erasure) -> int:
    return len(RECEIPT.dump_json(erasure.receipt))
