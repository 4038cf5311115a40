"""A verdict as one self-contained page."""

from collections.abc import Iterable
from html import escape

from modicum.gate.rendering.spots import spot_figures, spot_title
from modicum.gate.rendering.words import Document, figure, remarks, rule_line, tested, worst_first

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c1b19; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd9d2; }
.spot { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: 15rem; } figure div { position: relative; }
figure img { width: 100%; display: block; image-rendering: pixelated; }
figure svg { position: absolute; inset: 0; width: 100%; height: 100%; fill: none; stroke: #e3007b; stroke-width: .6%; }
.PASS { color: #1d6b34; } .FAIL { color: #a51d1d; } .INCONCLUSIVE { color: #7a5a00; } .WAIVED { color: #7a5a00; }
"""


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
        f'<h1 class="{verdict["outcome"]}">{escape(verdict["summary"])}</h1>'
        f"<p>Result {escape(verdict['result']['audit'])} of {escape(verdict['result']['created'])}, by the policy "
        f"{escape(verdict['policy']['file'])} (SHA-256 {verdict['policy']['digest']}).</p>"
        f"{_table(('outcome', 'rule', 'level', 'about', 'found'), found)}"
        f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in remarks(verdict))}</ul>"
        f"{_spot(verdict.get('worst_spot'))}"
        f"<h2>Every check</h2>{_table(('rule', 'version', 'found', 'outcome', 'why'), checks)}"
    )
    head = f'<meta charset="utf-8"><title>{escape(verdict["summary"])}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'.encode()


def _spot(spot: Document | None) -> str:
    return "" if spot is None else f"<h2>{escape(spot_title(spot))}</h2>{spot_figures(spot)}"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(text: str) -> str:
    kind = f' class="{text}"' if text in {"PASS", "FAIL", "INCONCLUSIVE", "WAIVED"} else ""
    return f"<td{kind}>{escape(text)}</td>"
