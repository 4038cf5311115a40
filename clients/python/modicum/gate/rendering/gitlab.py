"""A verdict for GitLab: a code quality report, and metrics to compare between branches."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from modicum.gate.rendering.words import Document, beside_rules, rule_line

SEVERITY = {("error", "FAIL"): "blocker", ("error", "INCONCLUSIVE"): "major"}
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def code_quality(verdict: Document) -> bytes:
    """Return the report: an issue for each rule that does not pass, and for each note."""
    issues = [
        {
            "description": f"{rule['outcome']}: {rule['id']}: {rule_line(rule)}",
            "check_name": rule["id"],
            "fingerprint": hashlib.sha256(f"modicum:{rule['id']}".encode()).hexdigest(),
            "severity": SEVERITY.get((rule["level"], rule["outcome"]), "minor"),
            "location": {"path": verdict["policy"]["file"].removeprefix("./"), "lines": {"begin": rule["line"] or 1}},
        }
        for rule in verdict["rules"]
        if rule["outcome"] != "PASS"
    ]
    issues += [_aside(verdict, text, "expired-waiver", "blocker") for text in verdict["expired_waivers"]]
    issues += [_aside(verdict, text, "note", "info") for text in beside_rules(verdict)]
    return json.dumps(issues, indent=2, ensure_ascii=False, allow_nan=False).encode()


def _aside(verdict: Document, text: str, name: str, severity: str) -> dict[str, Any]:
    """An issue of what stands beside the rules."""
    return {
        "description": text,
        "check_name": name,
        "fingerprint": hashlib.sha256(f"modicum:{name}:{text}".encode()).hexdigest(),
        "severity": severity,
        "location": {"path": verdict["policy"]["file"].removeprefix("./"), "lines": {"begin": 1}},
    }


def metrics(verdict: Document) -> bytes:
    """Return the numbers in the text form of Prometheus."""
    return ("\n".join(_metric_lines(verdict)) + "\n").encode()


def _metric_lines(verdict: Document) -> Iterator[str]:
    yield "# TYPE modicum_verdict gauge"
    yield f'modicum_verdict{{outcome="{verdict["outcome"]}"}} 1'
    yield "# TYPE modicum_rule_passes gauge"
    for rule in verdict["rules"]:
        yield f"modicum_rule_passes{_labels(rule=rule['id'])} {int(rule['outcome'] == 'PASS')}"
    yield "# TYPE modicum_rule_waived gauge"
    for rule in verdict["rules"]:
        yield f"modicum_rule_waived{_labels(rule=rule['id'])} {int(rule['outcome'] == 'WAIVED')}"
    yield "# TYPE modicum_rule_value gauge"
    for rule in verdict["rules"]:
        for check in rule["checks"]:
            if check["value"] is not None:
                names = {"rule": rule["id"], "version": check["model_version"], "subject": check["subject"]}
                yield f"modicum_rule_value{_labels(**names)} {check['value']:.10g}"


def _labels(**values: str) -> str:
    shown = (f'{name}="{"".join(ESCAPES.get(one, one) for one in value)}"' for name, value in values.items())
    return f"{{{','.join(shown)}}}"
