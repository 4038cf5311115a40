"""Lists what is installed, and looks whether known vulnerabilities of it have a fix.

python tools/dependency_audit.py [--osv-url URL] [--path FOLDER] [--npm-registry URL] [--sbom FILE]

writes a bill of materials (CycloneDX, JSON): the Python packages of this environment, and what the lock file of the
TypeScript client names. It asks the OSV database about each Python package, and the registry of npm, by `npm audit`,
about the others. Exit codes: 0 nothing is known, or nothing that has a fix; 1 a known vulnerability has a fix; 3 not
audited, because one of the two did not answer. That is no pass: the last line says so.
"""

import argparse
import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packageurl import PackageURL

REPOSITORY = Path(__file__).resolve().parents[1]
SBOM = REPOSITORY / "sbom.cdx.json"
NPM_CLIENT = REPOSITORY / "clients" / "typescript"
#: What comes before a package's name in the keys of a lock file.
MODULES = "node_modules/"
VULNERABLE, NOT_AUDITED = 1, 3
#: Of one request to the database.
TIMEOUT_SECONDS = 15
#: Of `npm audit` as a whole: one question about all packages, and one for each that is vulnerable.
NPM_SECONDS = 120
#: Beside an audit that does not happen, as many lines of its reason.
REASON_LINES = 3


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A known vulnerability of an installed package, and the versions that mend it."""

    package: str
    version: str
    id: str
    fixes: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as a line."""
        mended = f"mended in {', '.join(self.fixes)}" if self.fixes else "no version mends it yet"
        return f"{self.package} {self.version}: {self.id}, {mended}"


def write_sbom(to: Path) -> int:
    """Write the bill of materials of this environment and of the lock file; return the number of its components."""
    list_environment(to)
    bill = json.loads(to.read_text(encoding="utf-8"))
    bill["components"] += list(npm_components())
    to.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    return len(bill["components"])


def list_environment(to: Path, *, python: str = sys.executable) -> int:
    """Write the bill of materials of the packages that a Python finds; return the number of its components."""
    # Checking its own output against the schema takes minutes, and finds faults of the library alone.
    options = ("--output-reproducible", "--no-validate", "--of", "JSON", "-o", str(to))
    command = ("-m", "cyclonedx_py", "environment", *options, python)
    subprocess.run([sys.executable, *command], check=True, stderr=subprocess.DEVNULL)  # noqa: S603 - our own words
    return len(json.loads(to.read_text(encoding="utf-8"))["components"])


def npm_components() -> Iterator[dict[str, Any]]:
    """Yield what the lock file names. What only builds and tests the client is excluded in scope."""
    for (name, version), package in sorted(_locked().items()):
        namespace, _, own = name.rpartition("/")
        purl = PackageURL("npm", namespace or None, own, version).to_string()
        algorithm, _, digest = package["integrity"].partition("-")
        yield {
            "type": "library",
            "bom-ref": purl,
            "purl": purl,
            **({"group": namespace} if namespace else {}),
            "name": own,
            "version": version,
            "scope": "excluded" if package.get("dev") else "required",
            "hashes": [{"alg": algorithm.replace("sha", "SHA-"), "content": base64.b64decode(digest).hex()}],
        }


def _locked() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the packages of the lock file by name and version."""
    packages = json.loads((NPM_CLIENT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return {(path.rpartition(MODULES)[2], one["version"]): one for path, one in packages.items() if path}


def ask(*, osv_url: str, path: str) -> tuple[list[Vulnerability], int] | str:
    """Return what is known of each package, and how many there are; or why nothing is known."""
    options = ["--path", path] if path else ["--local"]
    options += ["--skip-editable", "--progress-spinner", "off", "--format", "json", "--timeout", str(TIMEOUT_SECONDS)]
    options += ["--vulnerability-service", "osv"]
    options += ["--osv-url", osv_url] if osv_url else []
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return "\n".join(done.stderr.strip().splitlines()[-REASON_LINES:]) or f"pip-audit ended with {done.returncode}"
    asked = [package for package in packages if "vulns" in package]
    return [found for package in asked for found in _vulnerabilities(package)], len(asked)


def _vulnerabilities(package: dict[str, Any]) -> list[Vulnerability]:
    return [
        Vulnerability(package["name"], package["version"], found["id"], tuple(found["fix_versions"]))
        for found in package["vulns"]
    ]


#: Of the lock file all is asked for, whatever the settings of npm on this machine leave out.
INCLUDED = ("--include=dev", "--include=optional", "--include=peer")


def ask_npm(registry: str) -> tuple[list[Vulnerability], int] | str:
    """Return what is known of the packages of the lock file, and how many there are; or why nothing is known."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    options = [
        "--json",
        "--package-lock-only",
        "--fetch-retries=0",
        "--offline=false",
        *INCLUDED,
        *(["--registry", registry] if registry else []),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [npm, "audit", *options], cwd=NPM_CLIENT, capture_output=True, text=True, check=False, timeout=NPM_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"npm audit did not end within {NPM_SECONDS} s"
    try:
        told = json.loads(done.stdout)
        known = told["vulnerabilities"]
    except (ValueError, KeyError):
        return "\n".join(done.stderr.strip().splitlines()[:REASON_LINES]) or f"npm audit ended with {done.returncode}"
    versions = dict(sorted(_locked()))
    return [one for name, found in known.items() for one in _npm_vulnerabilities(name, versions, found)], len(_locked())


def _npm_vulnerabilities(name: str, versions: dict[str, str], found: dict[str, Any]) -> Iterator[Vulnerability]:
    """Yield the advisories of a package itself; of one that only needs a vulnerable one there are none."""
    for advisory in found["via"]:
        if isinstance(advisory, dict):
            fixes = (f"a version outside {advisory['range']}",) if found["fixAvailable"] else ()
            yield Vulnerability(name, versions[name], advisory["url"].rpartition("/")[2], fixes)


def report(known: tuple[list[Vulnerability], int] | str, kind: str, asked_of: str) -> int:
    """Print what is known of one kind of packages, and return the exit code."""
    if isinstance(known, str):
        print(known)
        print(f"NOT AUDITED: {asked_of} did not answer, so nothing is known of the {kind} packages.")
        return NOT_AUDITED
    found, asked = known
    for one in found:
        print(one)
    mended = sum(bool(one.fixes) for one in found)
    print(f"{asked:,} {kind} packages audited: {len(found)} known vulnerabilities, {mended} of them with a fix")
    return VULNERABLE if mended else 0


def main(words: list[str]) -> int:
    """Write the bill of materials, audit, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--osv-url", default="", help="address of the OSV database; default: https://api.osv.dev")
    parser.add_argument("--path", default="", help="audit the packages in this folder; default: this environment")
    parser.add_argument("--npm-registry", default="", help="address of npm's registry; default: the configured one")
    parser.add_argument("--sbom", type=Path, default=SBOM, help="file of the bill of materials")
    given = parser.parse_args(words)
    print(f"{write_sbom(given.sbom):,} packages are listed in {given.sbom}", flush=True)
    codes = {
        report(ask_npm(given.npm_registry), "npm", "the registry"),
        report(ask(osv_url=given.osv_url, path=given.path), "Python", "the database of vulnerabilities"),
    }
    if VULNERABLE in codes:
        return VULNERABLE
    if NOT_AUDITED in codes:
        print("NOT AUDITED in full: the lines above say what did not answer.")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
