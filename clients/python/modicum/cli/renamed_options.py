"""Options that had another name: the old name still works for one release, is in no help, and says the new one."""

from collections.abc import Collection, Mapping

#: The new name of an option by its old one. A command takes an old name only if it has the option under the new one.
NEW_NAMES: Mapping[str, str] = {
    "--classes": "--class-count",
    "--labels": "--class-labels",
    "--ood": "--out-of-distribution",
    "--ood-labels": "--out-of-distribution-labels",
    "--passes-per-second": "--passes-a-second",
    "--stop-at": "--stopping",
    "--target": "--target-rule",
}


class Renaming:
    """Puts the new name of an option in the place of its old one, and remembers which old ones were given.

    `options` are the options of the command.
    """

    def __init__(self, options: Collection[str]) -> None:
        self._new_names = {old: new for old, new in NEW_NAMES.items() if new in options and old not in options}
        self._given: dict[str, None] = {}

    def new_name(self, name: str) -> str:
        """The name of an option today, without its hyphens, as the parser asks for it."""
        old = f"--{name}"
        if old not in self._new_names:
            return name
        self._given[old] = None
        return self._new_names[old].removeprefix("--")

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell a caller who gave an old name."""
        return tuple(
            f"{old} is called {self._new_names[old]} now; the next release does not know the old name"
            for old in self._given
        )
