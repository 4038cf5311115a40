"""The one JSON file of all parts. Measuring a part replaces its figures and leaves the others."""

import json
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
ROOT = Path(__file__).parents[1]
RESULTS = Path("benchmarks") / "results" / "benchmarks.json"
EXACT = ROOT / "benchmarks" / "results" / "exact.json"


def read(path: Path) -> dict[str, Any]:
    """Read the results in a file. Without a file there are none.

    Raises:
        ValueError: they have another schema.
    """
    if not path.exists():
        return {"schema_version": SCHEMA_VERSION, "parts": {}}
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if results.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path.name}: expected schema {SCHEMA_VERSION}, got {results.get('schema_version')!r}; remove the file"
        )
    return results


def with_part(results: dict[str, Any], part: str, measured: dict[str, Any]) -> dict[str, Any]:
    """The results with a part's figures replaced."""
    return {**results, "parts": {**results["parts"], part: measured}}


def write(results: dict[str, Any], path: Path) -> None:
    """Write the results with sorted keys, so that two runs can be compared line by line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, sort_keys=True, allow_nan=False)
    path.write_text(_one_line_lists(text) + "\n", encoding="utf-8")


def _one_line_lists(text: str) -> str:
    """Put each list of numbers on one line."""
    lines: list[str] = []
    open_list = False
    for line in text.splitlines():
        word = line.strip()
        if open_list and (word[:1].isdigit() or word[:1] == "-" or word in {"]", "],"}):
            lines[-1] += word if lines[-1].endswith("[") or word[0] == "]" else f" {word}"
        else:
            lines.append(line)
        open_list = lines[-1].endswith(("[", ",")) and "[" in lines[-1] and "]" not in lines[-1]
    return "\n".join(lines)
