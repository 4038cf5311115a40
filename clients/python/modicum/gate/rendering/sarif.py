"""A verdict as SARIF 2.1.0: a result for each rule that does not pass, at its line of the policy."""

import json
from collections.abc import Iterator
from typing import Any

from modicum.gate.rendering.words import Document, beside_rules, rule_line, tested, worst_check
from modicum.version import VERSION

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
WAIVERS = "expired-waiver"


def sarif(verdict: Document) -> bytes:
    """Return the document."""
    rules = [{"id": rule["id"], "shortDescription": {"text": rule["title"]}} for rule in verdict["rules"]]
    rules.append({"id": WAIVERS, "shortDescription": {"text": "A waiver that has expired"}})
    results = [_result(verdict, rule) for rule in verdict["rules"] if rule["outcome"] != "PASS"]
    results += [_expired(verdict, text) for text in verdict["expired_waivers"]]
    driver = {
        "name": "modicum",
        "version": VERSION,
        "semanticVersion": VERSION,
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "results": results,
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": list(_notes(verdict))}],
        "properties": {"outcome": verdict["outcome"], "summary": verdict["summary"]},
    }
    return json.dumps(
        {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False, allow_nan=False
    ).encode()


def _result(verdict: Document, rule: Document) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": rule["id"],
        "level": _level(rule),
        "message": {"text": f"{rule['outcome']}: {rule_line(rule)} ({tested(rule)})"},
        "locations": [_location(verdict, rule["line"] or 1, rule["column"] or 1)],
        "partialFingerprints": {"rule/v1": f"{rule['id']}:{worst_check(rule)['subject']}"},
    }
    if rule["outcome"] == "WAIVED":
        result["suppressions"] = [{"kind": "external", "justification": worst_check(rule)["waived"]}]
    return result


def _level(rule: Document) -> str:
    if rule["outcome"] == "WAIVED":
        return "note"
    return "error" if rule["level"] == "error" and rule["outcome"] == "FAIL" else "warning"


def _expired(verdict: Document, text: str) -> dict[str, Any]:
    return {
        "ruleId": WAIVERS,
        "level": "error",
        "message": {"text": text},
        "locations": [_location(verdict, 1, 1)],
    }


def _notes(verdict: Document) -> Iterator[dict[str, Any]]:
    """What stands beside the rules, without the expired waivers, which are results."""
    for text in beside_rules(verdict):
        yield {"level": "note", "message": {"text": text}}


def _location(verdict: Document, line: int, column: int) -> dict[str, Any]:
    place = {"uri": uri_of(verdict["policy"]["file"])}
    region = {"startLine": line, "startColumn": column}
    return {"physicalLocation": {"artifactLocation": place, "region": region}}


def uri_of(file: str) -> str:
    """Return a file's name as a relative reference."""
    from urllib.parse import quote  # noqa: PLC0415  # of this form alone

    return quote(file.removeprefix("./"))
