"""Bills of materials (CycloneDX) of the environments of images, by the same program as that of the repository."""

import json
import shlex
import tempfile
from pathlib import Path

from tools import dependency_audit


def write_bill(environment: Path, to: Path) -> int:
    """Write the bill of the virtual environment in an unpacked image; return the number of its components.

    The Python of the image cannot run outside its root. The program asks a Python only where its packages lie, so a
    stand-in tells it that.
    """
    [packages] = environment.glob("lib/python*/site-packages")
    with tempfile.TemporaryDirectory() as folder:
        stand_in = Path(folder) / "python"
        stand_in.write_text(f"#!/bin/sh\necho {shlex.quote(json.dumps([str(packages)]))}\n")
        stand_in.chmod(0o755)
        return dependency_audit.list_environment(to, python=str(stand_in))
