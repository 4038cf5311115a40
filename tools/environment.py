"""Makes the virtual environment of `make demo` and `make setup`, and shows that it is working.

    python tools/environment.py .venv local,demo

installs the three distributions of this repository into `.venv`, editable, the server with the extras `local` and
`demo`. What is there already stays. pip's whole output goes to `.venv/pip.log`.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
STEPS = ("Downloading", "Building", "Installing", "ERROR", "WARNING")
"""First words of the lines of pip that are shown."""
SHOWN_CHARACTERS = 100
HEARTBEAT_SECONDS = 10
LOG_LINES_SHOWN = 30


def main(folder: Path, extras: str) -> int:
    """Make the environment in `folder`, or add to the one that is there; returns the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"Modicum needs Python 3.11 or newer. {sys.executable} is {sys.version.split()[0]}. "
            "Name a newer one, for example: make demo PYTHON=python3.12",
            file=sys.stderr,
        )
        return 2
    print(
        f"Installing Modicum and its packages ({extras}) into {folder}. The first time this downloads 1 to 3 GB, most "
        f"of it torch, and takes 2 to 10 minutes; afterwards it takes seconds. pip's whole output: {folder}/pip.log",
        flush=True,
    )
    python = folder / "bin" / "python"
    if not python.exists() and subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False).returncode:  # noqa: S603
        print(f"{sys.executable} could not make a virtual environment: see above.", file=sys.stderr)
        return 1
    return _install(folder, python, extras)


def _install(folder: Path, python: Path, extras: str) -> int:
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-color",
        "--progress-bar",
        "off",
    ]
    for distribution in ("./service/sis", "./clients/python", f".[{extras}]"):
        command += ["--editable", distribution]
    begun = time.monotonic()
    log = folder / "pip.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        )
        steps = ["Resolving"]
        threading.Thread(target=_heartbeat, args=(process, steps, begun), daemon=True).start()
        for line in process.stdout or ():
            output.write(line)
            step = line.strip()[:SHOWN_CHARACTERS]
            if step.startswith(STEPS):
                steps.append(step)
                print(f"  {step}", flush=True)
    if process.wait():
        last = log.read_text(encoding="utf-8").splitlines()[-LOG_LINES_SHOWN:]
        print("\n".join(["pip failed. The end of its output:", *last]), file=sys.stderr)
        return 1
    print(f"Installed in {time.monotonic() - begun:.0f} s.", flush=True)
    return 0


def _heartbeat(process: "subprocess.Popen[str]", steps: "list[str]", begun: float) -> None:
    """Say every few seconds how long pip has run and what it does, as long as it runs."""
    while process.poll() is None:
        time.sleep(HEARTBEAT_SECONDS)
        if process.poll() is None:
            print(f"  {time.monotonic() - begun:.0f} s: {steps[-1].split(':')[0]} ...", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
