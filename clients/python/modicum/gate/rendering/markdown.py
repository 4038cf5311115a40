"""A verdict as Markdown, for a job summary: under 1 MiB, the summary first."""

from collections.abc import Iterator

from modicum.gate.rendering.spots import drawn_place, spot_title
from modicum.gate.rendering.words import Document, figure, remarks, rule_line, tested, worst_first
from modicum.resource_names import printable

MOST_BYTES = 1_000_000
"""A job summary has room for 1 MiB. A part that does not fit is left out, and this is said."""
MOST_CHECKS = 200
"""Rows of the table of checks."""
LEFT_OUT = b"\nA part that did not fit is left out; the verdict's JSON and HTML have it.\n"
PHOTOGRAPHS = "The photographs. GitHub removes them from Markdown; the HTML output shows them everywhere"
SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "WAIVED": "⚠️"}


def markdown(verdict: Document) -> bytes:
    """Return the text."""
    spot = verdict.get("worst_spot")
    parts = [_joined(_outcome(verdict)), _joined(_checks(verdict))]
    if spot is not None:
        parts[1:1] = [_joined(_place(spot))]
        parts.append(_joined(_photographs(spot)))
    text = b""
    for part in parts:
        text += part if len(text) + len(part) <= MOST_BYTES else LEFT_OUT
    return text


def _joined(lines: Iterator[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _outcome(verdict: Document) -> Iterator[str]:
    yield f"## {SIGNS[verdict['outcome']]} {_cell(verdict['summary'])}"
    yield ""
    yield f"Result: {_cell(verdict['result']['audit'])}. Policy: {_cell(verdict['policy']['file'])}."
    yield ""
    yield "| outcome | rule | level | what was found |"
    yield "|---|---|---|---|"
    for rule in worst_first(verdict["rules"]):
        sign = f"{SIGNS[rule['outcome']]} {rule['outcome']}"
        yield f"| {sign} | {_cell(rule['id'])} | {rule['level']} | {_cell(rule_line(rule))} ({tested(rule)}) |"
    for text in remarks(verdict):
        yield ""
        yield f"> {_cell(text)}"


def _place(spot: Document) -> Iterator[str]:
    """What the model says of the worst spot, and where it lies."""
    yield from ("", f"### {_cell(spot_title(spot))}", "")
    for picture in spot["pictures"]:
        yield f"- **{_cell(picture['title'])}**: {_cell(picture['text'])}"
    yield from ("", f"The spot on the canvas of {spot['canvas']['height']}x{spot['canvas']['width']} pixels:", "")
    yield from ("```text", *drawn_place(spot), "```")


def _photographs(spot: Document) -> Iterator[str]:
    yield from ("", f"<details><summary>{PHOTOGRAPHS}</summary>", "")
    for picture in spot["pictures"]:
        yield f"![{_cell(picture['title'])}]({picture['uri']})"
    yield "\n</details>"


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
    shown = printable(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{one}" if one in "\\`*_[]|" else one for one in shown)
