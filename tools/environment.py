"""Makes the virtual environment of `make demo` and `make setup`, and shows progress.

python tools/environment.py .venv local,demo

installs the three distributions of this repository into `.venv`, editable, the server with the extras `local` and
`demo`. It keeps what is installed already. pip's whole output goes to `.venv/pip.log`.
"""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
HEARTBEAT_SECONDS = 10
LOG_LINES_SHOWN = 30
INTERRUPTED = 130
DOWNLOAD = re.compile(r"\s*Downloading (?P<name>[A-Za-z0-9_.]+)-(?P<version>[^-]+)\S*(?P<size> \(.*\))?")


def main(folder: Path, extras: str) -> int:
    """Make the environment in `folder`, or add to an existing one. Return the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"Modicum needs Python 3.11 or newer. {sys.executable} is {sys.version.split()[0]}. "
            "Name a newer one, for example: make demo PYTHON=python3.12",
            file=sys.stderr,
        )
        return 2
    print(
        f"Installing Modicum ({extras}) into {folder}. The first time this downloads 0.5 GB (torch for CPUs) to 3 GB "
        f"(torch with CUDA) and takes 2 to 10 minutes. pip's whole output: {folder / 'pip.log'}",
        flush=True,
    )
    python = folder / "bin" / "python"
    if not python.exists() and subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False).returncode:  # noqa: S603
        print(f"{sys.executable} could not make a virtual environment: see above.", file=sys.stderr)
        return 1
    return _install(folder, python, extras)


def _install(folder: Path, python: Path, extras: str) -> int:
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    for distribution in ("./service/sis", "./clients/python", f".[{extras}]"):
        command += ["--editable", distribution]
    begun = time.monotonic()
    log = folder / "pip.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        )
        steps = ["looking up packages"]
        threading.Thread(target=_heartbeat, args=(process, steps, begun), daemon=True).start()
        for line in process.stdout or ():
            output.write(line)
            if step := _step(line):
                steps.append(step)
                print(f"  {step}", flush=True)
    if process.wait():
        last = log.read_text(encoding="utf-8").splitlines()[-LOG_LINES_SHOWN:]
        print("\n".join(["pip failed. The end of its output:", *last]), file=sys.stderr)
        return 1
    print(f"Installed in {time.monotonic() - begun:.0f} s.", flush=True)
    return 0


def _step(line: str) -> str:
    """Summarise a line of pip's output for the user. Most lines give an empty string."""
    if download := DOWNLOAD.match(line):
        return f"downloading {download['name']} {download['version']}{download['size'] or ''}"
    if line.startswith("Installing collected packages:"):
        return f"installing {line.count(',') + 1} packages"
    return line.strip() if line.startswith(("WARNING", "ERROR")) else ""


def _heartbeat(process: "subprocess.Popen[str]", steps: "list[str]", begun: float) -> None:
    """Print every few seconds how long pip has run and its latest step, until pip ends."""
    while process.poll() is None:
        time.sleep(HEARTBEAT_SECONDS)
        if process.poll() is None:
            print(f"  {time.monotonic() - begun:.0f} s: {steps[-1]} ...", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
