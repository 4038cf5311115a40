"""Builds the images of the Dockerfile without a Docker engine.

python -m tools.images build [--target api] [--build-arg NAME=VALUE] [--mirror URL]
python -m tools.images renew     writes the digest of the base into the Dockerfile
python -m tools.images remove    deletes the storage

All write into one folder alone (--storage). They need root, and say so, as they say which program is missing.
"""

import argparse
import sys
from pathlib import Path

from tools.images import bill, bootstrap, digests, layers, pip_configuration
from tools.images.building import TARGETS, build, image_of
from tools.images.dockerfile import DOCKERFILE, base_of
from tools.images.programs import ImageError, demand
from tools.images.storage import STORAGE, Storage

ENVIRONMENT = "opt/modicum"


def _build(given: argparse.Namespace) -> None:
    demand("buildah")
    storage = Storage(given.storage)
    storage.prepare()
    arguments = dict(pair.split("=", 1) for pair in given.build_arg)
    pip = pip_configuration.configured()
    base = bootstrap.provide(storage, base_of(DOCKERFILE.read_text(encoding="utf-8"), arguments), mirror=given.mirror)
    for target in given.target or TARGETS:
        build(storage, target, base=base, pip=pip, arguments=arguments)
        storage.told("prune", "--force")  # the stages on the way take as much as the image
        _show(storage, target)


def _show(storage: Storage, target: str) -> None:
    image = image_of(target)
    print(f"\n{layers.table(f'layer of {image}', layers.layers_of(storage, image))}")
    to = storage.folder / f"{target}.cdx.json"
    with storage.unpacked(image) as root:
        print(f"\n{layers.table(f'package of {image}', layers.packages_of(root / ENVIRONMENT))}")
        print(f"\n{bill.write_bill(root / ENVIRONMENT, to)} packages are listed in {to}\n", flush=True)


def _renew(given: argparse.Namespace) -> None:
    demand("buildah")
    storage = Storage(given.storage)
    storage.prepare()
    print(f"{DOCKERFILE.name}: ARG DIGEST=@{digests.renew(storage, DOCKERFILE)}")


def _remove(given: argparse.Namespace) -> None:
    demand("buildah")
    Storage(given.storage).remove()


COMMANDS = {"build": _build, "renew": _renew, "remove": _remove}


def main(words: list[str]) -> int:
    """Run a command, and return the exit code: 0 done, 1 not."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.images",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--storage", type=Path, default=STORAGE, help=f"folder of the images; default: {STORAGE}")
    parser.add_argument("--target", action="append", choices=TARGETS, help="build only this one")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="of the Dockerfile")
    parser.add_argument("--mirror", default="", metavar="URL", help="of Debian's packages; default: debootstrap's own")
    given = parser.parse_args(words)
    try:
        COMMANDS[given.command](given)
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
