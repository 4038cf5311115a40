"""Generates the Python code of every contract below this folder.

It runs in its own environment (`make proto`). The grpcio-tools there are old enough for code that runs on protobuf 6
and 7. The public contract goes to the client's distribution. The contracts between the service's own parts go to
`modicum_server.generated`, and so do the public contract's comments: generated code lacks them, and OpenAPI shows them.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.api
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

HERE = Path(__file__).parent
ROOT = HERE.parent
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"
GOOGLE_API = Path(next(iter(google.api.__path__))).parent.parent

CLIENT = ROOT / "clients" / "python"
SERVER = ROOT / "service" / "server"
GENERATED = "modicum_server/generated"
COMMENTS = SERVER / GENERATED / "contract_comments.json"


def generate(*, out: Path, mappings: list[str], files: list[str]) -> None:
    """Run protoc for `files`, found through `mappings`, into `out`."""
    arguments = ["protoc", *(f"-I{mapping}" for mapping in mappings), f"-I{WELL_KNOWN}", f"-I{GOOGLE_API}"]
    plugins = Path(sys.executable).parent
    arguments += [f"--plugin={plugins / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    arguments += [f"--{kind}_out={out}" for kind in ("python", "grpc_python")]
    arguments += [f"--{kind}_out=quiet:{out}" for kind in ("mypy", "mypy_grpc")]
    if protoc.main([*arguments, *files]) != 0:
        sys.exit(f"protoc refused {', '.join(files)}: see above")


def comments_of(files: list[str]) -> dict[str, str]:
    """Return the comments of services, methods, messages, fields, enums and their values, by full name."""
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        arguments = ["protoc", f"-I{HERE}", f"-I{WELL_KNOWN}", f"-I{GOOGLE_API}", "--include_source_info"]
        if protoc.main([*arguments, f"--descriptor_set_out={out.name}", *files]) != 0:
            sys.exit(f"protoc refused {', '.join(files)}: see above")
        described = FileDescriptorSet.FromString(Path(out.name).read_bytes())
    return dict(sorted(entry for file in described.file for entry in _comments_of_file(file)))


def _comments_of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        name = _name_at(file, list(location.path))
        if name and location.leading_comments:
            yield f"{file.package}.{name}", " ".join(location.leading_comments.split())


def _name_at(file: FileDescriptorProto, path: list[int]) -> str:
    """Return the name below the package of the element at a path of field numbers and indices; empty if none."""
    names, node = [], file
    while len(path) > 1:
        field, index, *path = path
        found: Any = node.DESCRIPTOR.fields_by_number.get(field)
        if found is None or not found.is_repeated or found.message_type is None:
            return ""
        node = getattr(node, found.name)[index]
        names.append(getattr(node, "name", ""))
    return "" if path else ".".join(names)


def main() -> None:
    """Generate the public contract, the worker's protocol, and the used parts of TorchServe's and of endpoints'."""
    public = sorted(path.relative_to(HERE).as_posix() for path in (HERE / "modicum" / "v1").glob("*.proto"))
    generate(out=CLIENT, mappings=[str(HERE)], files=public)
    COMMENTS.write_text(json.dumps(comments_of(public), indent=1, ensure_ascii=False) + "\n")

    worker = f"{GENERATED}={HERE / 'modicum' / 'worker' / 'v1'}"
    torchserve = f"{GENERATED}={HERE / 'torchserve'}"
    generate(out=SERVER, mappings=[worker, str(HERE)], files=[f"{GENERATED}/worker.proto"])
    generate(out=SERVER, mappings=[torchserve], files=[f"{GENERATED}/inference.proto", f"{GENERATED}/management.proto"])
    endpoints = f"{GENERATED}={HERE / 'oip'}"
    generate(out=SERVER, mappings=[endpoints], files=[f"{GENERATED}/open_inference.proto"])


if __name__ == "__main__":
    main()
