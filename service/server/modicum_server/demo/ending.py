"""The demo's last lines: what failed, why, and where to look. Reads what the commands wrote."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modicum_server.demo.commands import (
    ENSEMBLE_PAGE,
    GALLERY_PAGE,
    GALLERY_THRESHOLD,
    POLICY,
    WIDTH,
    DigitFiles,
)
from modicum_server.measures.measure import measure_from_json
from modicum_server.measures.number_words import (
    asked_text,
    enumeration,
    fine_ratio_text,
    interval_text,
    points_number,
    share_text,
    short_points_text,
)

SPOT = "spot"
OUTCOME_WIDTH = 6
MITIGATED = "the ensemble needs more of each picture than its members"
Document = Mapping[str, Any]


def outcome_of(files: DigitFiles) -> str:
    """Return the outcome of a network's verdict."""
    return str(_read(files.verdict)["outcome"])


def verdict_lines(files: DigitFiles, expected: str) -> Iterator[str]:
    """Yield the verdict on a small network, why, and which pages show it."""
    verdict = _read(files.verdict)
    told = [_why(verdict), *_copied(verdict), f"See {files.verdict_page}; the whole audit is {files.audit_page}."]
    if verdict["outcome"] != expected:
        told.insert(0, f"The demo is meant to show {expected} here.")
    yield from _lines(verdict["outcome"], f"digits-{files.name}. {' '.join(told)}")


def ensemble_lines(result: Path) -> Iterator[str]:
    """Yield the verdict on the ensemble, why, and by which figures."""
    (check,) = _read(result)["mitigation"]
    members = enumeration([name.split("/")[3] for name in check["members"]])
    told = [
        f"{check['verdict']}: {'; '.join(check['reasons']) or MITIGATED}.",
        f"The members are {members}.",
        *_ensemble_figures(check["measures"]),
        f"See {ENSEMBLE_PAGE}.",
    ]
    yield from _lines("", " ".join(told))


def gallery_lines(model: str, result: Path) -> Iterator[str]:
    """Yield what the audit of the ImageNet classifier found; no policy judges it."""
    search = _read(result)["models"][0]["searches"][0]
    rate, size = (
        measure_from_json(search["measures"][name]) for name in ("overinterpretation_rate", "subset_fraction_median")
    )
    told = [
        f"efficientnet-{model}, on {rate.n} photographs of which it is at least {asked_text(GALLERY_THRESHOLD)} sure."
    ]
    if rate.value is not None and size.value is not None:
        told.append(f"On {share_text(rate.value)}{interval_text(rate.interval)} at most 5% of the pixels suffice.")
        told.append(f"The median subset has {share_text(size.value)}{interval_text(size.interval)}.")
    yield from _lines("", " ".join([*told, f"See {GALLERY_PAGE}."]))


def next_lines(folder: Path) -> Iterator[str]:
    """Yield what a user can do next."""
    again = "To judge by another, change it and run a gate above again, after `. .venv/bin/activate`."
    yield from _lines("", f"The policy is {folder / POLICY}. {again}")


def _why(verdict: Document) -> str:
    """Return in words what the rule of the spot test says: of each class that decides, or of all."""
    (rule,) = [one for one in verdict["rules"] if one["id"] == SPOT]
    if rule["outcome"] == "PASS":
        return "No small spot was found that decides, for any class."
    checks = [check for check in rule["checks"] if check["outcome"] == rule["outcome"]]
    return " ".join(f"For class {check['subject']} {check['reason']}." for check in checks)


def _copied(verdict: Document) -> Iterator[str]:
    """Yield what the model says when the spot is pasted, which is the last of the pictures."""
    if verdict["worst_spot"] is not None:
        picture = verdict["worst_spot"]["pictures"][-1]
        yield f"{picture['title']}: {picture['text']}"


def _ensemble_figures(measures: Document) -> Iterator[str]:
    ratio, matched, accuracy = (
        measure_from_json(measures[name])
        for name in ("subset_fraction_ratio", "matched_subset_fraction_ratio", "accuracy_difference")
    )
    if ratio.value is not None:
        interval = interval_text(ratio.interval, fine_ratio_text)
        yield f"The ensemble's subsets are {fine_ratio_text(ratio.value)} times as large{interval}."
    if matched.value is not None:
        interval = interval_text(matched.interval, fine_ratio_text)
        yield f"At matched temperatures they are {fine_ratio_text(matched.value)} times as large{interval}."
    if accuracy.value is not None:
        interval = interval_text(accuracy.interval, points_number)
        yield f"The ensemble's accuracy minus its members' is {short_points_text(accuracy.value)}{interval}."


def _lines(outcome: str, text: str) -> list[str]:
    indent = " " * OUTCOME_WIDTH
    return textwrap.wrap(
        text, WIDTH, initial_indent=outcome.ljust(OUTCOME_WIDTH), subsequent_indent=indent, break_on_hyphens=False
    )


def _read(file: Path) -> Document:
    document: Document = json.loads(file.read_text(encoding="utf-8"))
    return document
