"""What a version says in a swap of a spot, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.spot_swaps import SpotSwap, SwapScore, SwapView


@dataclass(frozen=True, slots=True)
class SaidOfSwap:
    """What one version says of the pictures of a swap, as far as it has looked at them.

    Attributes:
        version: its resource name.
        scores: by view; empty where it has not looked yet.
        labels: the names of its classes; empty where it has none.
        target: the class that is tried, in its own classes.
        target_label: the name of that class.
    """

    version: str
    scores: Mapping[SwapView, SwapScore]
    labels: Sequence[str]
    target: int
    target_label: str

    @classmethod
    def of(cls, swap: SpotSwap, version: str, labels: Sequence[str], target: int) -> "SaidOfSwap":
        """Return what a version says in a swap."""
        scores = {score.view: score for score in swap.scores.get(version, ())}
        return cls(version, scores, labels, target, swap.plan.target_label)

    def class_of(self, view: SwapView) -> str:
        """Return the class of a view in words."""
        number = self._class(view)
        if number is None:
            return "nothing"
        if number == self.target:
            return self.target_label
        return self.labels[number] if number < len(self.labels) else f"class {number}"

    @property
    def conclusion(self) -> str:
        """Return in words what pasting and covering did; empty where the version has not scored all pictures."""
        if len(self.scores) < len(SwapView) or any(score.reason for score in self.scores.values()):
            return ""
        return f"{self._pasting()} {self._covering()}"

    def _pasting(self) -> str:
        before, after = self._class(SwapView.OTHER), self._class(SwapView.PASTED)
        if before == after:
            return f"Pasting the spot changes nothing: it sees {self.class_of(SwapView.PASTED)} before and after."
        if after == self.target:
            return f"Pasting the spot makes it see {self.target_label}."
        return f"Pasting the spot makes it see {self.class_of(SwapView.PASTED)}, and not {self.target_label}."

    def _covering(self) -> str:
        before, after = self._class(SwapView.SOURCE), self._class(SwapView.COVERED)
        if before == after:
            return f"With the spot covered it still sees {self.class_of(SwapView.SOURCE)}."
        return f"With the spot covered it no longer sees {self.class_of(SwapView.SOURCE)}."

    def _class(self, view: SwapView) -> int | None:
        return self.scores[view].predicted_class
