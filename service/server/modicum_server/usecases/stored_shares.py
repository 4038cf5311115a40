"""How many bytes a project stores, and whoever uploads to it, and whether more may be added."""

from dataclasses import dataclass

from modicum_server.domain.projects import Principal
from modicum_server.ports import Transaction, Unfinished
from modicum_server.settings import Settings
from modicum_server.usecases.limit_errors import ProjectFull

NONE_UNFINISHED = Unfinished()
ADVICE = "delete artifacts that nothing refers to, or ask the operator for more"


@dataclass(frozen=True, slots=True)
class StoredShares:
    """Bytes that a project stores, and that a principal uploaded to it, and to its projects if these are several.

    `across_projects` is None for a principal with one project.
    """

    project: str
    principal: Principal
    of_project: int
    of_principal: int
    across_projects: int | None

    @classmethod
    async def read(
        cls, transaction: Transaction, principal: Principal, project: str, *, alone: bool = False
    ) -> "StoredShares":
        """Read what is stored. With `alone`, others of a principal with several projects wait until it is committed."""
        artifacts, has_several = transaction.artifacts, len(principal.roles) > 1
        if alone and has_several:
            await artifacts.count_in_turn("\n".join(principal.share))
        return cls(
            project,
            principal,
            of_project=await artifacts.stored_bytes(project),
            of_principal=await artifacts.stored_bytes_of(principal.name, [project]),
            across_projects=await artifacts.stored_bytes_of(principal.name, principal.roles) if has_several else None,
        )

    def require(self, settings: Settings, added: int = 0, *, unfinished: Unfinished = NONE_UNFINISHED) -> None:
        """Refuse to add so many bytes, if these are too many for the project or the principal.

        Raises:
            ProjectFull
        """
        together = self.of_project + unfinished.size_bytes + added
        if together > (most := settings.max_project_bytes):
            raise ProjectFull(
                f"{self.project} may store {most:,} bytes; with this artifact it would store {together:,}, "
                f"unfinished uploads included; {ADVICE}"
            )
        added += unfinished.size_bytes_of_principal
        self._require_own(self.project, self.of_principal + added, settings.max_bytes_per_principal)
        if self.across_projects is not None:
            where = f"the {len(self.principal.roles):,} projects of its token"
            self._require_own(where, self.across_projects + added, settings.max_bytes_across_projects)

    def _require_own(self, where: str, own: int, most: int) -> None:
        if own > most:
            raise ProjectFull(
                f"{self.principal.name} may upload {most:,} bytes to {where}; with this artifact it would have "
                f"uploaded {own:,}, unfinished uploads included; {ADVICE}"
            )
