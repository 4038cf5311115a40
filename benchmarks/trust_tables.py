"""The trust part's tables, from its figures. It measures nothing."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from modicum_server.measures.number_words import enumeration, share_text
from modicum_server.selftest.digits import INK

from benchmarks.tables import table


def trust(part: dict[str, Any]) -> Iterator[str]:
    """How often the verdict was right, and the figures between which the rule had to decide."""
    yield (
        f"These are the planted and the clean case of `modicum-server selftest` for {part['seeds']} seeds: small "
        f"classifiers of digits, {part['test_images']} test images, {part['passes']} pass-equivalents an image. The "
        "rule sees pictures and labels, but not where the mark is.\n"
    )
    yield (
        f"Both are easy cases. The digits are drawn in faint ink, {share_text(INK)} of full, and the mark in full "
        "ink. The mark is the easier cue, so a classifier that can use it does. This does not measure how often the "
        "rule is right about a model that relies on a mark only partly, or on a mark no easier than the object.\n"
    )
    yield from table(
        ("case", "right verdict", "given", "right", "95% interval (Wilson)"),
        [(name, *_verdicts(case)) for name, case in part["cases"].items()],
    )
    yield "Medians over the seeds, with the lowest and the highest value in round brackets:\n"
    yield from table(
        ("case", "accuracy", "eligible images", "border share", "its chance level", "accuracy lost without the ring"),
        [(name, *_figures([run for run in part["runs"] if run["case"] == name])) for name in part["cases"]],
    )


def _verdicts(case: dict[str, Any]) -> tuple[str, ...]:
    given = enumeration([f"{count} {verdict}" for verdict, count in sorted(case["verdicts"].items())])
    interval = case["interval"]
    ends = "none below ten" if interval is None else f"{share_text(interval['low'])} to {share_text(interval['high'])}"
    return case["expected"], given, f"{case['right']} of {case['n']}", ends


def _figures(runs: list[dict[str, Any]]) -> tuple[str, ...]:
    eligible = [run["eligible"] for run in runs]
    return (
        _range([run["accuracy"] for run in runs]),
        f"{median(eligible):g} ({min(eligible)} to {max(eligible)})",
        _range([run["region_share"] for run in runs if run["region_share"] is not None]),
        share_text(runs[0]["region_chance"]),
        _range([run["drop"] for run in runs]),
    )


def _range(values: list[float]) -> str:
    return f"{share_text(median(values))} ({share_text(min(values))} to {share_text(max(values))})"
