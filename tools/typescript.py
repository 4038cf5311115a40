"""The contract of the TypeScript client, from the OpenAPI document: `python tools/typescript.py`.

It needs node, and what `npm ci` brings in clients/typescript. What types cannot say stands at the end of the file:
which requests take an Idempotency-Key, so that the client may send them again.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modicum_server.transports.http.rest.openapi.document import document

CLIENT = Path(__file__).resolve().parents[1] / "clients" / "typescript"
CONTRACT = CLIENT / "src" / "contract.ts"
GENERATOR = CLIENT / "node_modules" / ".bin" / "openapi-typescript"
KEY = {"$ref": "#/components/parameters/IdempotencyKey"}
HEADER = "// Written by tools/typescript.py. Do not edit.\n"
KEYED = """
/** Paths to which a POST takes an `Idempotency-Key`. Repeating one with the same key does nothing twice. */
export const KEYED: ReadonlySet<string> = new Set([
{paths}
]);
"""


def contract() -> str:
    """Return the text of the file.

    Raises:
        subprocess.CalledProcessError: openapi-typescript refuses the document.
    """
    described = document()
    with tempfile.TemporaryDirectory() as folder:
        source, types = Path(folder, "openapi.json"), Path(folder, "contract.ts")
        source.write_text(json.dumps(described), encoding="utf-8")
        words = [str(GENERATOR), str(source), "--empty-objects-unknown", "--output", str(types)]
        subprocess.run(words, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
        text = types.read_text(encoding="utf-8")
    paths = "\n".join(f'    "{path}",' for path in _keyed(described))
    return HEADER + text + KEYED.format(paths=paths)


def _keyed(described: Mapping[str, Any]) -> Iterator[str]:
    return (path for path, verbs in described["paths"].items() if KEY in verbs.get("post", {}).get("parameters", ()))


if __name__ == "__main__":
    if not GENERATOR.exists():
        sys.exit(f"there is no {GENERATOR.name}: run `npm ci` in {CLIENT}")
    CONTRACT.write_text(contract(), encoding="utf-8")
