"""Generates the Python code of every contract below this folder.

Runs in an environment of its own (`make proto`), whose grpcio-tools is old enough that the generated code runs on
protobuf 6 and 7. The public contract goes to the client's distribution; what the service's own parts say to each
other goes to `modicum_server.wire`.
"""

import sys
from pathlib import Path

import google.api
from grpc_tools import protoc

HERE = Path(__file__).parent
ROOT = HERE.parent
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"
GOOGLE_API = Path(next(iter(google.api.__path__))).parent.parent

CLIENT = ROOT / "clients" / "python"
SERVER = ROOT / "service" / "server"
WIRE = "modicum_server/wire"


def generate(*, out: Path, mappings: list[str], files: list[str]) -> None:
    """Run protoc for `files`, found through `mappings`, into `out`."""
    arguments = ["protoc", *(f"-I{mapping}" for mapping in mappings), f"-I{WELL_KNOWN}", f"-I{GOOGLE_API}"]
    plugins = Path(sys.executable).parent
    arguments += [f"--plugin={plugins / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    arguments += [f"--{kind}_out={out}" for kind in ("python", "grpc_python")]
    arguments += [f"--{kind}_out=quiet:{out}" for kind in ("mypy", "mypy_grpc")]
    if protoc.main([*arguments, *files]) != 0:
        sys.exit(f"protoc refused {', '.join(files)}: see above")


def main() -> None:
    """Generate the public contract, the worker's protocol and the part of TorchServe's that is called."""
    public = sorted(path.relative_to(HERE).as_posix() for path in (HERE / "modicum" / "v1").glob("*.proto"))
    generate(out=CLIENT, mappings=[str(HERE)], files=public)

    worker = f"{WIRE}={HERE / 'modicum' / 'worker' / 'v1'}"
    torchserve = f"{WIRE}={HERE / 'torchserve'}"
    generate(out=SERVER, mappings=[worker, str(HERE)], files=[f"{WIRE}/worker.proto"])
    generate(out=SERVER, mappings=[torchserve], files=[f"{WIRE}/inference.proto", f"{WIRE}/management.proto"])


if __name__ == "__main__":
    main()
