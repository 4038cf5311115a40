"""MLServer with a model of colours, started from an environment of its own: it wants an older starlette than we do."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.waiting import eventually

PROGRAM = os.environ.get("MODICUM_TEST_MLSERVER", "")
MISSING = (
    "needs MLServer in an environment of its own: python3 -m venv /tmp/m && /tmp/m/bin/pip install mlserver; then set "
    "MODICUM_TEST_MLSERVER=/tmp/m/bin/mlserver"
)
NAME = "colours"
RUNTIME = """
import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Colours(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        images = NumpyCodec.decode_input(payload.inputs[0])
        scores = (12 * images.mean(axis=(2, 3))).astype(np.float32)
        outputs = [NumpyCodec.encode_output("scores", scores)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
"""


@contextmanager
def served(folder: Path, side: int):
    """Serve the model on loopback; yields its addresses by scheme."""
    http, grpc, metrics = free_port(), free_port(), free_port()
    model = {
        "name": NAME,
        "implementation": "runtime.Colours",
        "inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 3, side, side]}],
        "outputs": [{"name": "scores", "datatype": "FP32", "shape": [-1, 3]}],
    }
    ports = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    folder.mkdir()
    (folder / "runtime.py").write_text(RUNTIME)
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "parallel_workers": 0, **ports}))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "start", "."], cwd=folder, stdout=log, stderr=log)
        try:
            eventually(lambda: _ready(http), f"MLServer; {folder / 'log'}")
            yield {"http": f"http://127.0.0.1:{http}/{NAME}", "grpc": f"grpc://127.0.0.1:{grpc}/{NAME}"}
        finally:
            process.terminate()
            process.wait()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/{NAME}/ready", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
