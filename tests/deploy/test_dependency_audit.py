"""A known vulnerability with a fix fails the audit of dependencies, and one that could not be made is no pass."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.deploy.dockerfile_reading import REPOSITORY
from tests.machine import program

LEAKY, CLEAN = "leaky", "clean"


def vulnerability(fixed: str) -> dict[str, object]:
    """In the form of OSV, of every version until the fixed one; of all versions if there is none."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    package = {"name": LEAKY, "ecosystem": "PyPI"}
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    affected = [{"package": package, "ranges": ranges}]
    return {
        "id": "OSV-1",
        "modified": "2026-01-01T00:00:00Z",
        "published": "2026-01-01T00:00:00Z",
        "affected": affected,
    }


class Database(BaseHTTPRequestHandler):
    """Answers as OSV does."""

    fixed = "1.1"
    advisories: Mapping[str, object] = {}
    packument: Mapping[str, object] = {}

    def do_POST(self) -> None:
        if "/-/npm/" in self.path:
            self._tell(self.advisories)
            return
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = [vulnerability(self.fixed)] if asked["package"]["name"] == LEAKY else []
        self._tell({"vulns": known} if known else {})

    def do_GET(self) -> None:
        """Tell the versions of a package, as the registry of npm does."""
        self._tell(self.packument)

    def _tell(self, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def database():
    """Starts a database that knows a vulnerability of `leaky` 1.0, mended in this version. Yields its address."""
    servers = []

    def start(fixed: str, **answers: object) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (Database,), {"fixed": fixed, **answers}))
        servers.append(server)
        threading.Thread(target=server.serve_forever).start()
        return f"http://127.0.0.1:{server.server_port}/v1/query"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def audit(tmp_path):
    """Audits a folder with these packages, each in version 1.0."""

    def run(address: str, *packages: str, registry: str = "") -> "subprocess.CompletedProcess[str]":
        for package in packages:
            folder = tmp_path / "packages" / f"{package}-1.0.dist-info"
            folder.mkdir(parents=True)
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        words = ["--osv-url", address, "--path", str(tmp_path / "packages"), "--sbom", str(tmp_path / "sbom.json")]
        words += ["--npm-registry", registry or address.removesuffix("/v1/query")]
        tool = REPOSITORY / "tools" / "dependency_audit.py"
        return subprocess.run(
            [sys.executable, str(tool), *words], capture_output=True, text=True, check=False, timeout=300
        )

    return run


@pytest.mark.long
def test_a_known_vulnerability_with_a_fix_fails_and_names_the_version_that_mends_it(audit, database):
    done = audit(database("1.1"), LEAKY, CLEAN)

    assert done.returncode == 1, done.stderr
    assert "leaky 1.0: OSV-1, mended in 1.1" in done.stdout
    assert "2 Python packages audited: 1 known vulnerabilities, 1 of them with a fix" in done.stdout


@pytest.mark.long
def test_one_without_a_fix_is_told_and_does_not_fail(audit, database):
    done = audit(database(""), LEAKY)

    assert done.returncode == 0, done.stderr
    assert "leaky 1.0: OSV-1, no version mends it yet" in done.stdout


@pytest.mark.long
def test_nothing_known_passes_and_what_is_installed_is_listed(audit, database, tmp_path):
    program("npm", package="npm")
    done = audit(database("1.1"), CLEAN)

    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "1 Python packages audited: 0 known vulnerabilities, 0 of them with a fix",
    )
    sbom = json.loads((tmp_path / "sbom.json").read_text())
    assert sbom["bomFormat"] == "CycloneDX"
    listed = {component["purl"]: component for component in sbom["components"] if "purl" in component}
    assert {"prometheus_client", "pydantic", "torch"} <= {component["name"] for component in sbom["components"]}
    assert listed[f"pkg:npm/openapi-fetch@{locked('openapi-fetch')}"]["scope"] == "required"
    assert listed[f"pkg:npm/%40types/node@{locked('@types/node')}"]["scope"] == "excluded"
    assert "npm packages audited: 0 known vulnerabilities, 0 of them with a fix" in done.stdout


def locked(name: str) -> str:
    """The version of an npm package in the lock file."""
    packages = json.loads((REPOSITORY / "clients" / "typescript" / "package-lock.json").read_text())["packages"]
    return packages[f"node_modules/{name}"]["version"]


def registry_that_knows(name: str, fixed: str) -> dict[str, object]:
    """Answers of a registry with an advisory on every version of a package before the fixed one."""
    url = "https://github.com/advisories/GHSA-1111-2222-3333"
    advisory = {"id": 1, "url": url, "title": "a flaw", "severity": "high", "vulnerable_versions": f"<{fixed}"}
    versions = {one: {"name": name, "version": one, "dist": {}} for one in (locked(name), fixed)}
    packument = {"name": name, "dist-tags": {"latest": fixed}, "versions": versions}
    return {"advisories": {name: [advisory]}, "packument": packument}


@pytest.mark.long
def test_a_known_vulnerability_of_an_npm_package_fails_too(audit, database):
    program("npm", package="npm")
    major, minor, _ = locked("openapi-fetch").split(".")

    done = audit(database("1.1", **registry_that_knows("openapi-fetch", f"{major}.{minor}.99")), CLEAN)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"openapi-fetch {locked('openapi-fetch')}: GHSA-1111-2222-3333, mended in a version outside" in done.stdout
    assert "npm packages audited: 1 known vulnerabilities, 1 of them with a fix" in done.stdout


@pytest.mark.long
def test_a_registry_that_is_away_is_no_pass(audit, database):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = audit(database("1.1"), CLEAN, registry=f"http://127.0.0.1:{taken.getsockname()[1]}")

    assert done.returncode == 3
    assert "NOT AUDITED: the registry did not answer, so nothing is known of the npm packages." in done.stdout
    assert done.stdout.splitlines()[-1].startswith("NOT AUDITED in full")


@pytest.mark.long
def test_a_database_that_is_away_is_no_pass(audit):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        done = audit(f"http://127.0.0.1:{taken.getsockname()[1]}/v1/query", LEAKY)

    assert done.returncode == 3
    assert "NOT AUDITED: the database of vulnerabilities did not answer" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("NOT AUDITED in full")
    assert "Python packages audited" not in done.stdout


@pytest.mark.parametrize(("code", "ends", "said"), [(0, 0, False), (1, 1, False), (3, 0, True)])
def test_ci_fails_on_a_fix_and_says_again_at_the_end_that_nothing_was_audited(tmp_path, code, ends, said):
    text = (REPOSITORY / ".ci" / "run").read_text()
    [step] = re.findall(r"^audited=0\n.*?^\[ .*?$", text, re.MULTILINE | re.DOTALL)
    [last] = re.findall(r'^\[ "\$audited" = 0 \] \|\| echo.*$', text, re.MULTILINE)
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\nexit {code}\n")
    stand_in.chmod(0o755)
    script = f"set -euo pipefail\n{step}\necho landed\n{last}\n".replace(".venv/bin/python", str(stand_in))

    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == ends
    assert ("landed" in done.stdout) == (ends == 0)
    assert ("NOT AUDITED" in done.stdout) == said
