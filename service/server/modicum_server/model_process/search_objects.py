"""Turns a search of the domain into the search object of `modicum_sis`."""

from modicum_sis import BackSelect, BatchedGradient, MaskOptimization
from modicum_sis.searches.protocol import Search as Method

from modicum_server.domain.searches import Search, SearchMethod


def search_method(search: Search, passes: int = 0) -> Method:
    """Return the search object. `passes` replaces the budget, if the method has one (0: that of the search)."""
    match search.method:
        case SearchMethod.BACKSELECT:
            return BackSelect(fraction=search.fraction or None)
        case SearchMethod.BATCHED_GRADIENT:
            return BatchedGradient(pixels_per_step=search.pixels_per_step or None)
        case SearchMethod.MASK_OPTIMIZATION:
            budget = passes or search.passes
            return MaskOptimization(passes=budget) if budget else MaskOptimization()
