"""The plan of a confinement. The worker writes it once; the wrapper reads it at each start of a model's process."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """How a model's process is confined, from the strongest level to none."""

    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class User:
    """A user that has one model process and nothing else."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How the model processes of one TorchServe are confined.

    `slots` maps the name of a slot to the folder that its process may read. `workers` is the folder in which each slot
    has a private temporary folder and a socket folder. `threads` limits the threads that compute, `memory_bytes` the
    memory that a process may write to (0: no limit). `users` maps the name of a slot to the user of its process; a
    slot without one has our user.
    """

    level: Level
    python: str
    bubblewrap: str
    workers: str
    slots: Mapping[str, str]
    threads: int
    memory_bytes: int = 0
    users: Mapping[str, User] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the plan as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan that `write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        users = {slot: User(**user) for slot, user in fields["users"].items()}
        return cls(**{**fields, "level": Level(fields["level"]), "users": users})


@dataclass(frozen=True, slots=True)
class Rules:
    """What one process may use: files to read, folders to write, device files, memory. All paths exist.

    Without a `user` it stays our user. `groups` are those of its device files.
    """

    level: Level
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    devices: tuple[str, ...]
    memory_bytes: int = 0
    user: User | None = None
    groups: tuple[int, ...] = ()

    def dumps(self) -> str:
        """Return the rules as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Rules":
        """Read rules from the JSON of `dumps`."""
        fields = json.loads(text)
        lists = {name: tuple(fields[name]) for name in ("readable", "writable", "devices", "groups")}
        user = None if fields["user"] is None else User(**fields["user"])
        return cls(level=Level(fields["level"]), memory_bytes=int(fields["memory_bytes"]), user=user, **lists)
