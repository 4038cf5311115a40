"""What was checked, and what was not. `verify` prints both."""

from dataclasses import dataclass


class Unverified(Exception):
    """Something does not hold; the message says what."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. `text` says what was found."""

    name: str
    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was checked, in order, and what a reader may not conclude from it."""

    checks: tuple[Check, ...]
    unchecked: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether all of it holds."""
        return all(check.holds for check in self.checks)
