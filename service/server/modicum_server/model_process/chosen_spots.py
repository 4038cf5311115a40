"""Turns stored rows of another version's spot test into the library's; positions become indices of the task's items."""

from collections.abc import Mapping

from modicum_sis.spots.outcomes import Outcomes
from modicum_sis.spots.places import Place, PlaceKind
from modicum_sis.spots.trials import SpotRow, SpotTrial

from modicum_server.domain import spots


def tested_row_of(row: spots.SpotRow, indices: Mapping[int, int]) -> SpotRow:
    """Return the library's row; `indices` are those of the items by position."""
    trials = tuple(_trial(trial, row.target_class, indices) for trial in row.trials)
    return SpotRow(row.target_class, row.sources, trials, row.passes)


def _trial(trial: spots.SpotTrial, target_class: int | None, indices: Mapping[int, int]) -> SpotTrial:
    place, shares = trial.place, trial.on_objects
    return SpotTrial(
        target_class=target_class,
        half=trial.half,
        place=Place(PlaceKind[place.kind.name], place.height, place.width, place.top, place.left, place.pixels),
        windows={indices[window.source]: (window.top, window.left) for window in trial.windows},
        pasted=_outcomes(trial.pasted, indices),
        covered=_outcomes(trial.covered, indices),
        outside=trial.outside,
        on_objects={indices[source]: share for source, share in zip(shares.sources, shares.shares, strict=True)},
        regions={},
    )


def _outcomes(outcomes: spots.SpotOutcomes, indices: Mapping[int, int]) -> Outcomes:
    return Outcomes(
        sources=tuple(indices[source] for source in outcomes.sources),
        others=tuple(indices[other] for other in outcomes.others),
        here=outcomes.here,
        elsewhere=outcomes.elsewhere,
        tops=outcomes.tops,
        lefts=outcomes.lefts,
        left_out=outcomes.left_out or 0,
    )
