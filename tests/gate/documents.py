"""Result documents whose verdict a person can compute."""

from datetime import date

from modicum.gate.judging import judge
from modicum.gate.policy_file import policy_of

TODAY = date(2026, 11, 27)
VERSION = "projects/default/models/m/versions/1"
DIGEST = "ab" * 32
WEIGHTS = "0d" * 32


def share(successes, n, **more):
    """A share with its counts; the interval is not looked at."""
    value = successes / n if n else None
    unavailable = {} if n else {"unavailable": "no labelled image has a prediction"}
    return {"value": value, "unit": "share", "n": n, "interval": None, "parameters": {"successes": successes}} | {
        **unavailable,
        **more,
    }


def difference(low, high, *, level=0.95, method="bootstrap", **parameters):
    """A difference with its interval."""
    interval = {"low": low, "high": high, "level": level, "method": method, "n": 100}
    return {
        "value": (low + high) / 2,
        "unit": "difference",
        "n": 100,
        "interval": interval,
        "parameters": parameters,
    }


def paired(gained, lost, n):
    """A paired difference with its counts."""
    return {**difference(0.0, 0.0, differing=gained + lost), "value": (gained - lost) / n, "n": n}


def place(pasted, *, own=False, top=8, left=8, outside=False, pairs=4):
    """A place of a spot row: (sources that follow, sources that do not), each in all of its pairs or in none."""
    follow, stay = pasted
    counts = [
        {"source": source, "pairs": pairs, "here": pairs if source < follow else 0, "elsewhere": 0}
        for source in range(follow + stay)
    ]
    value = follow / (follow + stay)
    fixed = {"kind": "WINDOW", "width": 4, "height": 4, "top": top, "left": left}
    box = {"half": 0, **({"kind": "OWN", "width": 4, "height": 4} if own else fixed)}
    measure = {"value": value, "unit": "difference", "n": follow + stay, "interval": None, "parameters": {}}
    return {
        "own": own,
        "outside": outside,
        "places": [box],
        "measures": {"spot_pasted_difference": measure},
        "pasted": counts,
        "covered": counts,
    }


def row(target_class, *places, label=None, sources=100):
    """A row of the spot test."""
    return {
        "target_class": target_class,
        "label": label or ("all classes together" if target_class is None else f"class {target_class}"),
        "sources": sources,
        "outcome": "",
        "sources_needed": 40,
        "places": list(places),
        "examples": [],
    }


CLEAN = (
    row(None, place((0, 60)), sources=200),
    row(0, place((0, 60)), label="cat"),
    row(1, place((0, 60)), label="dog"),
)
PLANTED = (CLEAN[0], row(0, place((20, 0)), label="cat"), CLEAN[2])


def document(
    measures=None, *, spots=CLEAN, readings=(), untested=0, search=None, counts=None, level=0.95, seed=0, **more
):
    """A document of one version under one search."""
    searched = {"threshold": 0.9, "fill": "mean", "passes": 300, "target_rule": "predicted", "matched": False}
    entry = {
        "search": {**searched, **(search or {})},
        "measures": measures or {},
        "readings": list(readings),
        "counts": {"images": 200, "failed": 0, "eligible": 150, **(counts or {})},
    }
    test = {"model_version": VERSION, "search_index": 0, "untested_classes": untested, "rows": list(spots)}
    return {
        "schema_version": 1,
        "audit": "projects/default/audits/a",
        "created": "2026-11-27T00:00:00Z",
        "specification": {
            "seed": seed,
            "sample": 0,
            "statistics": {"level": level, "alpha": 0.05},
            "searches": [{**entry["search"], "digest": "12" * 32}],
        },
        "specification_digest": "cd" * 32,
        "findings": {"digest": "ef" * 32},
        "dataset": {"name": "projects/default/datasets/photos", "labelled": 200, "audited": 200},
        "models": [
            {
                "model_version": VERSION,
                "digest": DIGEST,
                "weights_digests": {VERSION: WEIGHTS},
                "searches": [entry],
            }
        ],
        "spots": [test] if spots else [],
        "mitigation": [],
        **more,
    }


SEARCH = {"method": "mask_optimization", "threshold": 0.9, "fill": "mean", "target_rule": "predicted", "passes": 300}


def image(at, *, label=0, predicted=0, size=8, eligible=True, version=VERSION, **more):
    """The row of an image. Without a size the search found nothing smaller."""
    searched = eligible and size is not None
    return {
        "image_digest": f"{at:064x}",
        "model_version": version,
        "search_index": 0,
        "label": label,
        "predicted_class": predicted,
        "target_class": predicted,
        "eligible": eligible,
        "reason": None if eligible else "NOT_ELIGIBLE",
        "margin": 4.0,
        "baseline_confident": False,
        "budget_exhausted": eligible and size is None,
        "subset": {"size": size} if searched else None,
        **more,
    }


def with_rows(images, version=VERSION, *, search=None, gradient_free=False, mean_fill=(0.5,), **parameters):
    """A result with the rows of its images, as a report in JSON has them."""
    right = [one["label"] == one["predicted_class"] for one in images]
    searched = {**SEARCH, **(search or {})}
    whole = document(
        {"accuracy": share(sum(right), len(right))}, rows=[{**one, "model_version": version} for one in images]
    )
    whole["specification"] |= {
        "canvas": {"channels": 3, "height": 8, "width": 8},
        "searches": [{**searched, "digest": "12" * 32}],
    }
    eligible = sum(one["eligible"] for one in images)
    whole["models"][0]["searches"][0]["counts"] = {"images": len(images), "failed": 0, "eligible": eligible}
    whole["parameters"] = {"device": "cpu", "dtype": "float32", "versions": {"torch": "2.4"}, **parameters}
    whole["models"][0] |= {"model_version": version, "mean_fill": list(mean_fill)}
    whole["models"][0]["searches"][0] |= {"search": searched, "gradient_free": gradient_free}
    whole["spots"] = [{**one, "model_version": version} for one in whole["spots"]]
    return whole


def verdict(policy, of, *, today=TODAY):
    """The verdict of a policy's text, without its first line, on a document."""
    return judge(of, policy_of(f"version: 1\n{policy}", "modicum.yaml", today=TODAY), today=today)


def outcomes(given):
    """The outcome of each rule by its id."""
    return {one.rule.id: str(one.outcome) for one in given.rules}


#: A result document by the verdict of the preset `recommended`: it passes, fails, and is inconclusive.
DOCUMENTS = {
    "clean": document(),
    "planted": document(spots=(CLEAN[0], row(0, place((20, 0)), label="cat"), CLEAN[2])),
    "open": document(spots=(CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2])),
}
