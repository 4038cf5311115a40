"""Starts a local server and audits packaged ImageNet classifiers on packaged photographs, command by command."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from modicum_server.demo.packaged import MODELS, DemoFiles, PackageMissing, lay_out

FOLDER = Path(".demo")
START_SECONDS = 90.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1
THRESHOLD = 0.9
#: So that the whole demo fits into four minutes on two cores.
PASSES = 250
ENSEMBLE_PASSES = 15
ENSEMBLE_THRESHOLD = 0.5
"""Low enough for many photographs to be eligible: an ensemble of these three is seldom more confident."""
CONTROL_IMAGES = 20
CHEAP_CONTROLS = ("fill", "dilated", "mask_only", "random", "shortcut")
"""Controls with a few passes an image, which run on every image with a subset."""
VERDICTS = {"ensemble": (0, 1, 4)}
"""Exit codes that are verdicts: MITIGATED, NOT_MITIGATED, INCONCLUSIVE. Other commands succeed only with 0."""
INTERRUPTED = 130
TERMINATED = 143


def main(
    model: Annotated[str, typer.Option(help=f"model to audit: {', '.join(MODELS)}")] = "lite0",
    passes: Annotated[int, typer.Option(min=20, help="budget in pass-equivalents per image")] = PASSES,
    control_images: Annotated[
        int, typer.Option(min=1, help="number of images for the class-targeted control")
    ] = CONTROL_IMAGES,
    ensemble_passes: Annotated[
        int, typer.Option(min=10, help="budget of each search in the ensemble check, in pass-equivalents per image")
    ] = ENSEMBLE_PASSES,
) -> None:
    """Audit EfficientNet-Lite on the 20 labelled ImageNet photographs that foolbox ships, then check an ensemble."""
    if model not in MODELS:
        _end(2, f"--model: expected one of {', '.join(MODELS)}, got {model!r}")
    begun = time.monotonic()
    try:
        files = lay_out(FOLDER, MODELS)
    except PackageMissing as error:
        _end(2, str(error))
    _say(
        f"The demo takes about four minutes on two cores. It searches {files.photograph_count} photographs with at "
        f"most {passes} pass-equivalents each. The class-targeted control runs on at most {control_images} "
        f"photographs, the other controls on every photograph with a subset. The ensemble check has at most "
        f"{ensemble_passes} pass-equivalents per search and no controls."
    )
    with _server(FOLDER / "server") as environment:
        for command in audit_commands(model, files, passes=passes, control_images=control_images):
            _run(command, environment)
        _say(
            f"Does an ensemble of {', '.join(MODELS)} overinterpret less than its members? A verdict needs at least 30 "
            "images searched with all of them. With fewer, the verdict is INCONCLUSIVE and says what is missing."
        )
        for command in ensemble_commands(model, files, passes=ensemble_passes):
            _run(command, environment)
    _say(f"Done in {time.monotonic() - begun:.0f} s. Open demo-report.html and demo-ensemble.html in a browser.")


def audit_commands(model: str, files: DemoFiles, *, passes: int, control_images: int) -> Iterator[list[str]]:
    """Yield what a user would type to audit a model."""
    name = _name(model)
    yield _registration(model, files)
    labels = str(files.photograph_labels)
    yield ["datasets", "create", "photographs", str(files.photographs), "--photo-labels", labels]
    audit = f"{name}-{time.strftime('%H%M%S')}"
    yield [
        *("audits", "create", "--name", audit, "--model", name, "--dataset", "photographs"),
        *("--threshold", str(THRESHOLD), "--passes", str(passes), "--no-reuse"),
        *("--control", f"class_targeted:{control_images}"),
        *(word for control in CHEAP_CONTROLS for word in ("--control", control)),
    ]
    yield ["audits", "watch", audit]
    yield ["audits", "report", audit, "--output", "demo-result.json", "--output", "demo-report.html"]


def ensemble_commands(audited: str, files: DemoFiles, *, passes: int) -> Iterator[list[str]]:
    """Yield what a user would type to check the ensemble of all models, one of which is registered already.

    Each model takes images of another size. The canvas has the smallest size, and every version enlarges it itself.
    """
    for model in MODELS:
        if model != audited:
            yield _registration(model, files)
    yield [
        *("ensemble", "check", str(files.photographs), "--photo-labels", str(files.photograph_labels)),
        *(word for model in MODELS for word in ("--member", _name(model))),
        *("--name", "efficientnet-lite-ensemble", "--threshold", str(ENSEMBLE_THRESHOLD), "--passes", str(passes)),
        *("--no-controls", "--no-reuse", "--output", "demo-ensemble.html"),
    ]


def _name(model: str) -> str:
    return f"efficientnet-{model}"


def _registration(model: str, files: DemoFiles) -> list[str]:
    return [
        *("models", "create", _name(model), "--weights", str(files.weights[model])),
        *("--architecture", f"efficientnet_lite:{model}", "--input", f"efficientnet_{model}"),
        *("--labels", str(files.class_labels)),
    ]


@contextmanager
def _server(data: Path) -> Iterator[dict[str, str]]:
    """Run `modicum-server up` while the context is open; yields the environment of its clients."""
    arguments = ["up", "--data", str(data), "--grpc-port", "0", "--http-port", "0"]
    _say(f"$ modicum-server {shlex.join(arguments)} &")
    announcement = data / "server.json"
    announcement.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "modicum_server.cli", *arguments], start_new_session=True)  # noqa: S603
    try:
        address = _wait_for(announcement, process)
        token = (data / "token").read_text().strip()
        yield {**os.environ, "MODICUM_ADDRESS": address, "MODICUM_TOKEN": token}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _wait_for(announcement: Path, process: "subprocess.Popen[bytes]") -> str:
    end = time.monotonic() + START_SECONDS
    while not announcement.exists():
        if process.poll() is not None or time.monotonic() > end:
            _end(3, "the server did not start; its output is above")
        time.sleep(POLL_SECONDS)
    return str(json.loads(announcement.read_text())["grpc_address"])


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    """Print a command as a user types it, and run it; exit with its code if it failed."""
    _say(f"$ modicum {shlex.join(arguments)}")
    code = subprocess.run([sys.executable, "-m", "modicum", *arguments], env=environment, check=False).returncode  # noqa: S603
    if code not in VERDICTS.get(arguments[0], (0,)):
        _end(code, f"modicum {arguments[0]} {arguments[1]} ended with exit code {code}")


def _say(text: str) -> None:
    typer.echo(f"\n{text}")


def _end(code: int, message: str) -> None:
    typer.echo(message, err=True)
    raise SystemExit(code)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that the server is stopped
    try:
        typer.run(main)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
