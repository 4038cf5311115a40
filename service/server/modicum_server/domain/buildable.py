"""What workers can build: families of architectures, `FAMILY:NAME`, and the names that each has."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

CLOSE_MATCHES = 3
NAMED = 10
ADD_YOUR_OWN = (
    "To add your own, write a package with an entry point 'modicum.architectures' "
    "(docs/how-to/add-an-architecture.md), and install it where the workers run. If it has just been installed, "
    "restart the workers (a local server contains its worker)"
)
TYPED_BY_NOBODY = frozenset({"onnx"})
"""Families whose one name follows from the file that is given."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family on one worker. `names` are those that it builds; None: any may be one.

    `lacks` is the package that this worker would need to build any, and `extra` the extra that brings it; empty for a
    family of another package.
    """

    names: tuple[str, ...] | None = None
    lacks: str = ""
    extra: str = ""

    def builds(self, name: str) -> bool:
        """Whether it may build this name."""
        return not self.lacks and (self.names is None or name in self.names)


Families = Mapping[str, Family]
"""All that one worker can build, by the name of the family."""


@dataclass(frozen=True, slots=True)
class LeftToOthers:
    """What a worker leaves to others: whole families, and architectures of families that it has."""

    families: frozenset[str] = frozenset()
    architectures: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.families or self.architectures)


LEAVES_NOTHING = LeftToOthers()


def install(extra: str) -> str:
    """Return what brings a package that a family lacks: an extra, or, for a family of another package, that package."""
    return f"Install modicum-server[{extra}]" if extra else "Install it, or correct the package that adds this family,"


def builds(families: Families | None, architecture: str) -> bool:
    """Whether a worker may build an architecture. One that did not say yet what it builds may build any."""
    family, _, name = architecture.partition(":")
    return families is None or (family in families and families[family].builds(name))


def left_to_others(own: Families | None, others: Iterable[Families | None]) -> LeftToOthers:
    """Return what others say that they build and this worker cannot."""
    if own is None:
        return LEAVES_NOTHING
    families, architectures = set[str](), set[str]()
    for name, family in (item for other in others if other is not None for item in other.items()):
        mine = own.get(name)
        if family.lacks:
            continue
        if mine is None or mine.lacks:
            families.add(name)
        elif mine.names is not None:
            architectures |= {f"{name}:{one}" for one in set(family.names or ()) - set(mine.names)}
    return LeftToOthers(frozenset(families), frozenset(architectures))


def unknown_name(family: str, name: str, known: Collection[str]) -> str:
    """Return the sentence for a name that a family does not have, with close ones."""
    close = [f"{family}:{match}" for match in difflib.get_close_matches(name, known, n=CLOSE_MATCHES)]
    first = [f"{family}:{match}" for match in sorted(known)[:NAMED]]
    rest = " ..." if len(known) > NAMED else ""
    advice = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(first)}{rest}."
    return f"the architecture {family}:{name} does not exist; {advice} {ADD_YOUR_OWN}"


def unknown_family(architecture: str, known: Iterable[str]) -> str:
    """Return the sentence for a family that does not exist."""
    families = sorted(set(known) - TYPED_BY_NOBODY)
    forms = ", ".join(f"{name}:NAME" for name in families)
    family, _, name = architecture.partition(":")
    close = difflib.get_close_matches(family, families, n=1)
    advice = f"; did you mean {close[0]}:{name}?" if close else "."
    return f"expected an architecture of the form {forms}; got {architecture!r}{advice} {ADD_YOUR_OWN}"
