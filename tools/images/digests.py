"""Renews the digest of the base in the Dockerfile: what its tag stands for in the registry today."""

import json
from pathlib import Path

from tools.images.dockerfile import base_of, pinned
from tools.images.programs import ImageError
from tools.images.storage import Storage


def renew(storage: Storage, dockerfile: Path) -> str:
    """Write the digest into the Dockerfile, and return it. The registry is the one that buildah is configured for.

    Raises:
        ImageError: no registry answered, or it does not know the tag.
    """
    text = dockerfile.read_text(encoding="utf-8")
    base = base_of(text, {})
    storage.told("pull", "--policy", "always", "--retry", "0", base.tag)
    digest = digest_of(storage.told("images", "--json", base.tag))
    dockerfile.write_text(pinned(text, digest), encoding="utf-8")
    return digest


def digest_of(listed: str) -> str:
    """Return the digest in what `buildah images --json` prints of one image."""
    [image] = json.loads(listed)
    if not image.get("digest"):
        raise ImageError("the image has no digest, because it was made here and not pulled")
    return str(image["digest"])
