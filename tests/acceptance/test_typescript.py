"""The TypeScript client with a real server: its own tests, and the example of its README."""

import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.node_packages import CLIENT, MODULES, installed, npm, packed


@pytest.mark.long
def test_the_tests_of_the_client_pass_with_a_real_server(server, materials):
    installed()
    given = {"MODICUM_URL": server.http, "MODICUM_TOKEN": server.token, "MODICUM_MATERIALS": str(materials)}

    said = npm("test", environment={**os.environ, **given})

    assert "# fail 0" in said
    assert "# skipped 0" in said


@pytest.mark.long
def test_the_example_of_the_readme_runs_with_the_package_as_it_is_shipped(server, materials, tmp_path):
    project = project_with(packed(tmp_path), tmp_path / "project")
    (project / "audit.ts").write_text(example().replace("http://127.0.0.1:7401", server.http))
    for name in ("w.safetensors", "photos"):
        (project / name).symlink_to(materials / name)
    compiler = MODULES / ".bin" / "tsc"
    given = {**os.environ, "MODICUM_TOKEN": server.token}

    compiled = subprocess.run(
        [compiler, "--strict", *("--module", "nodenext"), *("--target", "es2022"), "audit.ts"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    done = subprocess.run(
        ["node", "audit.js"], cwd=project, env=given, capture_output=True, text=True, check=False, timeout=300
    )

    assert compiled.returncode == 0, compiled.stdout
    assert done.returncode == 0, done.stderr
    *events, verdict = done.stdout.splitlines()
    assert events[-1] == "STATE_SUCCEEDED 2 2"
    assert verdict.startswith("OUTCOME_")


def example() -> str:
    """The first block of TypeScript in the README."""
    return re.findall(r"```ts\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)[0]


def project_with(archive: Path, folder: Path) -> Path:
    """A project in which the package and what it requires are installed."""
    modules = folder / "node_modules"
    (modules / "@modicum").mkdir(parents=True)
    with tarfile.open(archive) as opened:
        opened.extractall(modules / "@modicum", filter="data")
    (modules / "@modicum" / "package").rename(modules / "@modicum" / "client")
    for name in ("@noble", "@types", "openapi-fetch", "openapi-typescript-helpers", "undici-types"):
        (modules / name).symlink_to(MODULES / name)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder
