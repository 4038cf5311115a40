"""Builds the archive (MAR) that TorchServe loads for a slot: a few lines that call our handler. No user bytes."""

import json
import zipfile
from pathlib import Path

HANDLER_MODULE = "modicum_server.model_process.torchserve_entry"
HANDLER_CLASS = "ModicumHandler"
#: TorchServe imports the module by this name, so no other module may have it.
ENTRY = "modicum_torchserve_entry"

#: TorchServe expects exactly one class in the file, or a function. With a function, nothing can be counted wrongly.
ENTRY_SOURCE = '''"""Hands on to the handler of the installed package."""

import {module} as _implementation

_handler = _implementation.{name}()


def handle(data, context):
    if data is None:
        return _handler.initialize(context)
    return _handler.handle(data, context)
'''

MODEL_CONFIG = """minWorkers: 1
maxWorkers: 1
batchSize: 1
maxBatchDelay: 1
responseTimeout: {response_seconds}
startupTimeout: {startup_seconds}
maxRetryTimeoutInSec: 60
useJobTicket: true
"""


def build_archive(
    folder: Path, slot: str, *, response_seconds: int, startup_seconds: int, handler: str | Path = HANDLER_MODULE
) -> str:
    """Write the archive of a slot into a model store and return its file name.

    `handler` is the module with the class `ModicumHandler`, or a file of it that is packed into the archive.
    """
    manifest = {
        "runtime": "python",
        "archiverVersion": "0.12.0",
        "model": {
            "modelName": slot,
            "modelVersion": "1.0",
            "handler": f"{ENTRY}.py",
            "configFile": "model-config.yaml",
        },
    }
    config = MODEL_CONFIG.format(response_seconds=response_seconds, startup_seconds=startup_seconds)
    path = folder / f"{slot}.mar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        archive.writestr("model-config.yaml", config)
        module = handler.stem if isinstance(handler, Path) else handler
        archive.writestr(f"{ENTRY}.py", ENTRY_SOURCE.format(module=module, name=HANDLER_CLASS))
        if isinstance(handler, Path):
            archive.write(handler, handler.name)
    return path.name
