"""What an audit has found so far: its last pictures, for people who watch it."""

from dataclasses import dataclass

from modicum_server.domain.audits import Audit
from modicum_server.domain.projects import Principal, Role
from modicum_server.ports import Store
from modicum_server.usecases.access import authorise
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.seen_pictures import Seen, seen_in

PICTURES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture that is done: what the version made of it, or the reason why it could not be measured."""

    item: str
    image_digest: str
    model_version: str
    seen: Seen
    failure: str


class FoundSoFar:
    """Reads the last findings of audits that run."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, principal: Principal, audit: Audit) -> list[FoundPicture]:
        """Return the last pictures in the audit's order, the last one first.

        Raises:
            ProjectNotFound
        """
        authorise(principal, project_of("audit", audit.name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            findings = await transaction.findings.last(audit.name, limit=PICTURES_SHOWN)
            versions = await transaction.models.versions_named([one.model_version for one in findings])
        labels = {name: version.class_labels for name, version in versions.items()}
        return [
            FoundPicture(
                item=one.item,
                image_digest=one.image_digest,
                model_version=one.model_version,
                seen=seen_in(one, labels.get(one.model_version, ())),
                failure=one.reason.value if one.failed and one.reason is not None else "",
            )
            for one in findings
        ]
