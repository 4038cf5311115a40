"""The id by which a database and an artifact store belong together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """The id that a database has. `confirmed`: its artifact store was given the same one."""

    id: str
    confirmed: bool
