"""Step (e), slowest rows: exact backselect, 524,800 passes per image, on a few images of the other searches.

Sizes under the mean fill come from the reference of `python -m benchmarks.exact` where it has the image. All others
are cached as soon as they are known.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from modicum_sis import BackSelect, Donors, __version__

from benchmarks import results
from benchmarks.paper import cache
from benchmarks.paper.extent import SEED, THRESHOLD, Extent
from benchmarks.paper.material import Network, Photographs
from benchmarks.paper.searches import Entry, row_of, searched
from benchmarks.paper.sufficient import sizes_in

EXACT = Entry("backselect", "exact", BackSelect())


def measure(
    network: Network, photographs: Photographs, pool: Donors, extent: Extent, path: Path = results.EXACT
) -> Iterator[dict[str, Any]]:
    """Yield a row for each fill after every image, as JSON values. `path` has the reference."""
    reference = _reference(network, path)
    for fill, count in extent.exact:
        known: list[Mapping[str, Any]] = []
        for place, digest in enumerate(photographs.first(count).digests):
            one = photographs.at([place])
            from_reference = reference.get(digest) if fill == "mean" else None
            known.append(_kept(network, one, pool, fill) if from_reference is None else from_reference)
            sizes = np.array([each["size"] for each in known], dtype=np.float64)
            passes = float(np.mean([each["passes"] for each in known]))
            row = row_of(EXACT, fill, sizes, pixels=one.images[0, 0].numel(), passes=passes)
            yield row | {"seconds": sum(each["seconds"] for each in known)}


def _reference(network: Network, path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Sizes by image digest. How long they took is unknown."""
    exact = results.read(path)["parts"].get("exact", {})
    if not exact or not exact["name"].endswith(network.name):
        return {}
    return {
        digest: {"size": size, "passes": exact["passes"], "seconds": 0.0} for digest, size in exact["sizes"].items()
    }


def _kept(network: Network, one: Photographs, pool: Donors, fill: str) -> Mapping[str, Any]:
    """The size for one image, from the cache if possible."""
    donors = pool.digests if fill == "marginal" else ()
    determinants = (__version__, network.digest, fill, str(THRESHOLD), str(SEED), *one.digests, *donors)
    path = cache.path_of("exact", determinants, ".json")
    if path.is_file():
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    begun = time.perf_counter()
    (finding,) = searched(network, one, pool, EXACT.search, fill)
    (size,) = sizes_in([finding]).tolist()
    found = {"size": size, "passes": finding.passes.equivalents, "seconds": round(time.perf_counter() - begun, 1)}
    with cache.written(path) as partial:
        partial.write_text(json.dumps(found), encoding="utf-8")
    return found
