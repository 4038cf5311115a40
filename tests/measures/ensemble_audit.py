"""An audit of two members and their ensemble, as the mitigation check sees it."""

from dataclasses import replace

from modicum_server.domain.models import Ensemble, ModelCheck, OutputKind
from modicum_server.measures.intervals import Interval
from modicum_server.measures.measure import Measure

from tests.measures.example_audit import SEARCH, document_and_rows, finding

ONE, TWO, BOTH = (f"projects/default/models/{name}/versions/1" for name in ("one", "two", "both"))
MATCHED = replace(SEARCH, matched=True)
CHECK = ModelCheck(3, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=2.5)
COUNT = 200
"""So many images that accuracy is seen to be no lower where all versions predict alike."""


def checked(findings, **parameters):
    """The only check of an audit of two members and their ensemble."""
    (check,) = checks(findings, **parameters)
    return check


def checks(findings, *, searches=(SEARCH, MATCHED), second=None, **parameters):
    """The checks of an audit of two members and their ensemble."""
    document, _ = document_and_rows(
        findings,
        versions=(ONE, TWO, BOTH),
        searches=searches,
        sources={BOTH: Ensemble((ONE, TWO))},
        check=CHECK,
        second=second,
        **parameters,
    )
    return document["mitigation"]


def audit_of(sizes, *, count=COUNT, spread=lambda place: 0, **changes):
    """Findings of `count` images: a size for each (version, search), `spread` pixels more for some images."""
    return [
        finding(place, size + spread(place), model_version=name, search_index=index, **changes)
        for place in range(count)
        for (name, index), size in sizes.items()
    ]


LARGER = {(ONE, 0): 4, (TWO, 0): 9, (BOTH, 0): 12, (ONE, 1): 5, (TWO, 1): 9}


def measure(low, high, n=100, value=1.0):
    """A measure with only an interval."""
    return Measure(value, "ratio", n, Interval(low, high, "bootstrap", n))
