"""The command, as a shell runs it, in a folder with results and a policy."""

import json
import os
import subprocess

import pytest

from tests.gate.documents import DOCUMENTS


@pytest.fixture
def shell(tmp_path, forked_modicum):
    """Runs a line of bash, in which `modicum` is the command, in a folder with results and a policy."""
    for name, one in DOCUMENTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(one), encoding="utf-8")
    (tmp_path / "modicum.yaml").write_text("version: 1\n", encoding="utf-8")
    environment = {**os.environ, "MODICUM_ADDRESS": "127.0.0.1:1"}

    def run(line, **more):
        program = f'modicum() {{ {forked_modicum} "$@"; }}; {line}'
        return subprocess.run(
            ["bash", "-c", program],
            cwd=tmp_path,
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run
