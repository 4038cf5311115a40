"""Lists what is installed, and looks whether known vulnerabilities of it have a fix.

python tools/dependency_audit.py [--osv-url URL] [--path FOLDER] [--sbom FILE]

writes a bill of materials (CycloneDX, JSON) and asks the OSV database about each package. Exit codes: 0 nothing is
known, or nothing that has a fix; 1 a known vulnerability has a fix; 3 not audited, because the database did not answer.
That is no pass: the last line says so.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
SBOM = REPOSITORY / "sbom.cdx.json"
VULNERABLE, NOT_AUDITED = 1, 3
#: Of one request to the database.
TIMEOUT_SECONDS = 15
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
    """Write the bill of materials of this environment; return the number of its components."""
    # Checking its own output against the schema takes minutes, and finds faults of the library alone.
    options = ("--output-reproducible", "--no-validate", "--of", "JSON", "-o", str(to))
    command = ("-m", "cyclonedx_py", "environment", *options, sys.executable)
    subprocess.run([sys.executable, *command], check=True, stderr=subprocess.DEVNULL)  # noqa: S603 - our own words
    return len(json.loads(to.read_text(encoding="utf-8"))["components"])


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


def main(words: list[str]) -> int:
    """Write the bill of materials, audit, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--osv-url", default="", help="address of the OSV database; default: https://api.osv.dev")
    parser.add_argument("--path", default="", help="audit the packages in this folder; default: this environment")
    parser.add_argument("--sbom", type=Path, default=SBOM, help="file of the bill of materials")
    given = parser.parse_args(words)
    print(f"{write_sbom(given.sbom):,} packages are listed in {given.sbom}", flush=True)
    known = ask(osv_url=given.osv_url, path=given.path)
    if isinstance(known, str):
        print(known)
        print("NOT AUDITED: the database of vulnerabilities did not answer, so nothing is known of the packages.")
        return NOT_AUDITED
    found, asked = known
    for one in found:
        print(one)
    mended = sum(bool(one.fixes) for one in found)
    print(f"{asked:,} packages audited: {len(found)} known vulnerabilities, {mended} of them with a fix")
    return VULNERABLE if mended else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
