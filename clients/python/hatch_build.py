"""The extras: `gate` (judging), `attest`, `keyless` (signing), `heif`, `hub`, `parquet`, `mlflow`, `notebook`, `local`.

`local` brings the server. Wheels that `tools/wheels.py` builds, and builds outside the repository, require it by name
and version. A build in a checkout requires the checkout's own server and search library, so that
`pip install './clients/python[local]'` works.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: What reading a policy and judging by it take.
GATE = ["jsonschema>=4.20", "pyyaml>=6", "scipy>=1.14"]
#: What signing a verdict with a key, and verifying it, take.
ATTEST = ["cryptography>=43", "jsonschema>=4.20", "rfc8785>=0.1.4"]
#: What signing for an identity takes beside.
KEYLESS = [*ATTEST, "sigstore>=4"]
#: What reading HEIC and AVIF pictures takes.
HEIF = ["pillow>=11.3", "pillow-heif>=1"]
#: What fetching models from a hub takes.
HUB = ["huggingface-hub>=1"]
#: MLflow's client. The full mlflow holds it, and a database in place of a server needs that.
MLFLOW = ["mlflow-skinny>=3"]
#: What reading data sets in parquet takes (0.2 GB).
PARQUET = ["pyarrow>=18"]
#: What tables and figures in notebooks take.
NOTEBOOK = ["matplotlib>=3.8", "pandas>=2.2"]


class LocalServer(MetadataHookInterface):
    """Fills in what pyproject.toml cannot say."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the extras."""
        repository = Path(self.root).resolve().parents[1]
        checkout = (repository / "service" / "sis" / "pyproject.toml").exists()
        if checkout and not os.environ.get("MODICUM_WHEELS"):
            server = [
                f"modicum-server[local] @ {repository.as_uri()}",
                f"modicum-sis @ {(repository / 'service' / 'sis').as_uri()}",
            ]
        else:
            server = [f"modicum-server[local]=={metadata['version']}"]
        metadata["optional-dependencies"] = {
            "attest": ATTEST,
            "gate": GATE,
            "heif": HEIF,
            "hub": HUB,
            "keyless": KEYLESS,
            "mlflow": [*MLFLOW, *GATE],
            "notebook": NOTEBOOK,
            "parquet": PARQUET,
            "local": [*server, *GATE, *HUB],
        }
