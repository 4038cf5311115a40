"""Builds the wheels of the three distributions: `python tools/wheels.py dist`."""

import os
import subprocess
import sys
from pathlib import Path

import version

REPOSITORY = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = ("service/sis", "clients/python", ".")


def main(folder: Path) -> int:
    """Build the wheels into `folder` and remove those of an earlier build. Return the exit code."""
    if wrong := version.differences():
        print("\n".join([*wrong, "Run `make version` first."]), file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob("modicum*.whl"):
        earlier.unlink()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--wheel-dir", str(folder.resolve()), *(f"./{each}" for each in DISTRIBUTIONS)]
    # For clients/python/hatch_build.py: these wheels are used outside the checkout.
    environment = {**os.environ, "MODICUM_WHEELS": "1"}
    code = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode  # noqa: S603
    if not code:
        print("\n".join(str(path) for path in sorted(folder.glob("modicum*.whl"))))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
