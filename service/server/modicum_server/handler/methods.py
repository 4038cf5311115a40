"""A search of the domain -> the search object of `modicum_sis`."""

from modicum_sis import BackSelect, BatchedGradient, MaskOptimization
from modicum_sis.searches.protocol import Search as Method

from modicum_server.domain.searches import Search, SearchMethod


def search_method(search: Search, passes: int = 0) -> Method:
    """Build the search; `passes` replaces the budget where that method has one (0: the search's own)."""
    match search.method:
        case SearchMethod.BACKSELECT:
            return BackSelect(fraction=search.fraction or None)
        case SearchMethod.BATCHED_GRADIENT:
            return BatchedGradient(pixels_per_step=search.pixels_per_step or None)
        case SearchMethod.MASK_OPTIMIZATION:
            budget = passes or search.passes
            return MaskOptimization(passes=budget) if budget else MaskOptimization()
