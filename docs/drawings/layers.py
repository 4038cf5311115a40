"""The folders of the server and the direction of imports, from the contracts of import-linter in pyproject.toml."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.drawings.svg import QUIET, arrow, box, picture, text

ROOT = Path(__file__).parents[2]
PYPROJECT, SERVER = ROOT / "pyproject.toml", ROOT / "service" / "server" / "modicum_server"
WIDTH, ROW, BOX, LEFT, RIGHT, TOP = 1060, 62, 46, 70, 20, 66
GAP = 8
PROGRAMS, ADAPTERS, CORE, OTHERS = "#efe7dc", "#e3edf3", "#e6f0e2", "#f3e6ec"
#: A few words on every package; a test compares the names with the layers.
WORDS: Mapping[str, str] = {
    "cli": "modicum-server",
    "demo": "make demo",
    "commands": "token, trail, verify, backup, restore, collect",
    "local": "modicum-server up",
    "selftest": "planted shortcuts",
    "fleet": "workers placed by Ray",
    "bootstrap": "joins ports and adapters",
    "worker": "plan, run, settle a shard",
    "transports": "gRPC, REST, pages",
    "store": "Postgres",
    "artifacts": "bytes by digest",
    "endpoints": "models elsewhere",
    "issuers": "identity tokens",
    "backups": "their files",
    "torchserve": "model server",
    "model_process": "model process",
    "metrics": "Prometheus",
    "reports": "page, JSON",
    "postgres": "connections",
    "codec": "messages and values",
    "generated": "protobuf and gRPC code",
    "traces": "spans for a collector",
    "usecases": "what the service does",
    "measures": "findings to figures",
    "images": "files to arrays",
    "processes": "folders, limits",
    "logs": "JSON lines",
    "command_parts": "what the commands share",
    "ports": "protocols",
    "model_server": "its protocol",
    "settings": "MODICUM_*",
    "errors": "one tree",
    "domain": "values",
}
CORE_PACKAGES = frozenset({"usecases", "measures", "ports", "model_server", "settings", "errors", "domain"})


def layers() -> Sequence[Sequence[str]]:
    """The packages of `modicum_server`, layer by layer from the top."""
    (contract,) = (each for each in _contracts() if each.get("containers") == ["modicum_server"])
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def users_of(distribution: str) -> Sequence[str]:
    """The packages of the server that import another distribution of ours."""
    imported = re.compile(rf"^\s*(from|import) {distribution}[ .]", re.MULTILINE)
    users = {path for path in SERVER.rglob("*.py") if imported.search(path.read_text(encoding="utf-8"))}
    return sorted({path.relative_to(SERVER).parts[0].removesuffix(".py") for path in users})


def drawing() -> str:
    """The picture."""
    rows = layers()
    height = TOP + (len(rows) + 2) * ROW + 20
    return picture(WIDTH, height, "The folders of modicum_server; imports point down", _parts(rows))


def _contracts() -> Sequence[Mapping[str, Any]]:
    settings = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]
    contracts: Sequence[Mapping[str, Any]] = settings["contracts"]
    return contracts


def _parts(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield text(LEFT, 26, "service/server/modicum_server", size=16, bold=True, anchor="start")
    words = "A package may import those below its row. Packages side by side in one row do not import each other."
    yield text(LEFT, 46, words, size=12, anchor="start", colour=QUIET)
    yield arrow(34, TOP, 34, TOP + len(rows) * ROW - 16)
    yield f'<g transform="rotate(-90 22 {TOP + 90})">{text(22, TOP + 90, "imports", size=12, colour=QUIET)}</g>'
    for number, row in enumerate(rows):
        yield from _row(TOP + number * ROW, [(name, WORDS[name], _colour(name)) for name in row])
    others = [
        (f"{folder}", f"{words} {', '.join(users_of(name))}", OTHERS)
        for name, folder, words in (
            ("modicum", "clients/python/modicum", "contract v1, spot rule: for"),
            ("modicum_sis", "service/sis/modicum_sis", "the searches: for"),
        )
    ]
    below = TOP + len(rows) * ROW + 34
    yield text(LEFT, below - 10, "The other two distributions know nothing of the server", size=13, anchor="start")
    yield from _row(below, others)


def _row(y: float, boxes: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    width = (WIDTH - LEFT - RIGHT - GAP * (len(boxes) - 1)) / len(boxes)
    for place, (name, words, fill) in enumerate(boxes):
        x = LEFT + place * (width + GAP)
        yield box(x, y, width, BOX, fill=fill)
        yield text(x + width / 2, y + 19, name, bold=True)
        yield text(x + width / 2, y + 36, words, size=11, colour=QUIET)


def _colour(name: str) -> str:
    if name in CORE_PACKAGES:
        return CORE
    programs = {"cli", "commands", "command_parts", "demo", "fleet", "local", "selftest", "bootstrap", "worker"}
    return PROGRAMS if name in programs else ADAPTERS
