"""A verdict as one self-contained page."""

from collections.abc import Iterable, Sequence
from html import escape

from modicum.gate.rendering.spots import spot_figures, spot_title
from modicum.gate.rendering.words import Document, figure, remarks, rule_line, tested, worst_first
from modicum.resource_names import printable

STYLE = """
:root {
  --paper: #fff; --ink: #1c1b19; --quiet: #625d55; --rule: #ddd9d2; --good: #1d6b34; --bad: #a51d1d; --open: #7a5a00;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161618; --ink: #ece8e0; --quiet: #a8a196; --rule: #33322f; --good: #8fc99b; --bad: #f79a94;
    --open: #e6b566;
  }
}
body {
  font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
  background: var(--paper); color: var(--ink);
}
h1, h2, p, li, td:last-child { overflow-wrap: anywhere; } td { overflow-wrap: break-word; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--rule); }
.spot { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: 15rem; } figure div { position: relative; }
figure img { width: 100%; display: block; image-rendering: pixelated; }
figure svg { position: absolute; inset: 0; width: 100%; height: 100%; fill: none; stroke: #e3007b; stroke-width: .6%; }
.PASS { color: var(--good); } .FAIL { color: var(--bad); } .INCONCLUSIVE, .WAIVED { color: var(--open); }
@media (max-width: 44rem) {
  table, tbody, tr, td { display: block; } thead { display: none; }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--rule); } td { border: 0; padding: .05rem 0; }
  td[data-name]::before { content: attr(data-name) " "; color: var(--quiet); }
}
"""
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'
OUTCOMES = frozenset({"PASS", "FAIL", "INCONCLUSIVE", "WAIVED"})


def page(verdict: Document) -> bytes:
    """Return the page in HTML."""
    rules = worst_first(verdict["rules"])
    checks = [
        (rule["id"], check["model_version"], figure(check), check["outcome"], check["reason"] or check["waived"])
        for rule in rules
        for check in rule["checks"]
    ]
    found = [
        (rule["outcome"], rule["id"], rule["level"], rule["title"], f"{rule_line(rule)} ({tested(rule)})")
        for rule in rules
    ]
    body = (
        f'<h1 class="{verdict["outcome"]}">{_text(verdict["summary"])}</h1>'
        f"<p>Result {_text(verdict['result']['audit'])} of {_text(verdict['result']['created'])}, by the policy "
        f"{_text(verdict['policy']['file'])} (SHA-256 {_text(verdict['policy']['digest'])}).</p>"
        f"{_table(('outcome', 'rule', 'level', 'about', 'found'), found)}"
        f"<ul>{''.join(f'<li>{_text(text)}</li>' for text in remarks(verdict))}</ul>"
        f"{_spot(verdict.get('worst_spot'))}"
        f"<h2>Every check</h2>{_table(('rule', 'version', 'found', 'outcome', 'why'), checks)}"
    )
    head = f'<meta charset="utf-8">{VIEWPORT}<title>{_text(verdict["summary"])}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{body}</main></body></html>\n'.encode()


def _spot(spot: Document | None) -> str:
    return "" if spot is None else f"<h2>{_text(spot_title(spot))}</h2>{spot_figures(spot)}"


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table. On a narrow screen each cell but the first stands below it, with the name of its column."""
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    names = ("", *heads[1:])
    body = "".join(f"<tr>{''.join(map(_cell, names, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(name: str, text: str) -> str:
    """Return a cell; an outcome has a colour, and needs no name."""
    if text in OUTCOMES:
        return f'<td class="{text}">{text}</td>'
    told = f' data-name="{name}"' if name and text else ""
    return f"<td{told}>{_text(text)}</td>"


def _text(text: str) -> str:
    """Return text that shows no markup of its own, and has no character that no reader sees."""
    return escape(printable(text))
