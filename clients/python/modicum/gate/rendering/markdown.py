"""A verdict as Markdown, for a job summary: under 1 MiB, the summary first."""

from collections.abc import Iterator

from modicum.gate.rendering.words import Document, figure, remarks, rule_line, tested, worst_first

MOST_CHECKS = 200
"""Rows of the table of checks; a job summary has room for 1 MiB."""
SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "WAIVED": "⚠️"}


def markdown(verdict: Document) -> bytes:
    """Return the text."""
    return ("\n".join(_lines(verdict)) + "\n").encode()


def _lines(verdict: Document) -> Iterator[str]:
    yield f"## {SIGNS[verdict['outcome']]} {_cell(verdict['summary'])}"
    yield ""
    yield f"Result: `{verdict['result']['audit']}`. Policy: `{verdict['policy']['file']}`."
    yield ""
    yield "| outcome | rule | level | what was found |"
    yield "|---|---|---|---|"
    for rule in worst_first(verdict["rules"]):
        sign = f"{SIGNS[rule['outcome']]} {rule['outcome']}"
        yield f"| {sign} | {rule['id']} | {rule['level']} | {_cell(rule_line(rule))} ({tested(rule)}) |"
    for text in remarks(verdict):
        yield ""
        yield f"> {_cell(text)}"
    yield from _checks(verdict)


def _checks(verdict: Document) -> Iterator[str]:
    checks = [(rule, check) for rule in worst_first(verdict["rules"]) for check in rule["checks"]]
    yield from ("", "<details><summary>Every check</summary>", "")
    yield "| rule | version | found | outcome | why |"
    yield "|---|---|---|---|---|"
    for rule, check in checks[:MOST_CHECKS]:
        cells = (
            rule["id"],
            check["model_version"],
            figure(check),
            check["outcome"],
            check["reason"] or check["waived"],
        )
        yield f"| {' | '.join(map(_cell, cells))} |"
    if len(checks) > MOST_CHECKS:
        yield f"\n{len(checks) - MOST_CHECKS} more checks are in the verdict's JSON."
    yield "\n</details>"


def _cell(text: str) -> str:
    """Text that stays in its cell and shows no markup of its own."""
    shown = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{one}" if one in "\\`*_[]|" else one for one in shown)
