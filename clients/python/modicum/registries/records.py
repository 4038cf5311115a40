"""A verdict as the record that a registry keeps of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.words import worst_check
from modicum.registries.candidate import Candidate
from modicum.registries.port import Record

FORMS_KEPT = (".json", ".html")


def record_of(candidate: Candidate, verdict: Mapping[str, Any]) -> Record:
    """The record: tags that find the evidence, a figure with its interval for each rule, and the verdict as files."""
    version = candidate.version
    return Record(
        title=f"modicum gate {version.name}/{version.version}",
        tags={
            "modicum.verdict": verdict["outcome"],
            "modicum.summary": verdict["summary"],
            "modicum.audit": verdict["result"]["audit"],
            "modicum.policy_digest": f"sha256:{verdict['policy']['digest']}",
            "modicum.model_digest": f"sha256:{candidate.digest}",
        },
        metrics=dict(_metrics(verdict)),
        documents={f"modicum/verdict{suffix}": FORMS[suffix](verdict) for suffix in FORMS_KEPT},
    )


def _metrics(verdict: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """For each rule whether it passes, the value of the check that decides, and the ends of its interval."""
    for rule in verdict["rules"]:
        name, check = f"modicum.{rule['id']}", worst_check(rule)
        yield f"{name}.passes", float(rule["outcome"] == "PASS")
        ends = check["interval"] or {}
        for end, value in (("", check["value"]), (".low", ends.get("low")), (".high", ends.get("high"))):
            if value is not None:
                yield f"{name}{end}", float(value)
