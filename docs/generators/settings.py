"""The settings of the server, from `modicum_server.settings`."""

from pathlib import Path
from typing import Any

from modicum_server.settings import Settings
from pydantic import SecretStr

from docs.generators.markdown import code, table

GIBIBYTE = 1024**3


def page() -> str:
    """A table of every setting, with its default."""
    rows = [
        (code(f"MODICUM_{name.upper()}"), field.description or "", _shown(name, field.default))
        for name, field in Settings.model_fields.items()
    ]
    return table(("variable", "meaning", "default"), rows)


def _shown(name: str, default: Any) -> str:
    if isinstance(default, SecretStr) or default in (None, "", ()):
        return "not set"
    if isinstance(default, bool):
        return str(default).lower()
    if name.endswith("_bytes") and default:
        return f"{default // GIBIBYTE} GiB"
    if isinstance(default, tuple):
        return " ".join(default)
    if name.endswith("_port") or isinstance(default, str | Path):
        return str(default)
    return f"{default:,g}" if isinstance(default, float) else f"{default:,}"
