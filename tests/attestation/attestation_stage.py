"""A verdict, its weights and two keys, as files; and the real command in their folder."""

import hashlib
import json
import os
import subprocess
from datetime import date

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization import PublicFormat as Public

from tests.forked.command import FRESH
from tests.gate.documents import CLEAN, VERSION, document, place, row, verdict

WEIGHTS_BYTES = b"weights of a model"
WEIGHTS_DIGEST = hashlib.sha256(WEIGHTS_BYTES).hexdigest()
PLANTED = (CLEAN[0], row(0, place((20, 0)), label="cat"), CLEAN[2])
OPEN = (CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2])
WAIVED = "waivers:\n  - {rule: spot, class: cat, reason: ticket 12, owner: us, expires: 2027-01-31}\n"
TODAY = date(2026, 11, 27)


def told(policy="", spots=CLEAN, *, files=None, **more):
    """The JSON of a verdict on weights of which the digest is known."""
    result = document(spots=spots, **more)
    result["models"][0]["weights_digests"] = files or {VERSION: WEIGHTS_DIGEST}
    return verdict(policy, result).as_json()


def key_pair(curve=None):
    """A private key and its public one."""
    private = ec.generate_private_key(curve or ec.SECP256R1())
    return private, private.public_key()


def private_pem(key, password=None):
    locked = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)


def public_pem(key):
    return key.public_bytes(Encoding.PEM, Public.SubjectPublicKeyInfo)


class Place:
    """A folder with weights, a policy, verdicts and keys, and a shell in it."""

    def __init__(self, folder, command):
        self.folder = folder
        self.command = command
        self.write("w.safetensors", WEIGHTS_BYTES)
        self.write("modicum.yaml", b"version: 1\n")
        policy = {"file": "ci/modicum.yaml", "digest": hashlib.sha256(b"version: 1\n").hexdigest()}
        for name, spots in (("pass", CLEAN), ("fail", PLANTED), ("open", OPEN)):
            one = told(spots=spots)
            today = {"judged_on": date.today().isoformat(), "policy": {**one["policy"], **policy}}  # noqa: DTZ011
            self.write(f"{name}.json", json.dumps({**one, **today}).encode())
        for name in ("k", "other"):
            private, public = key_pair()
            self.write(f"{name}.pem", private_pem(private))
            self.write(f"{name}.pub", public_pem(public))

    def write(self, name, data):
        (self.folder / name).write_bytes(data)

    def read(self, name):
        return (self.folder / name).read_bytes()

    def shell(self, line, **more):
        """Run a line of bash in which `modicum` is the command."""
        command = FRESH if "PYTHONPATH" in more else self.command
        return subprocess.run(
            ["bash", "-c", f'modicum() {{ {command} "$@"; }}; {line}'],
            cwd=self.folder,
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
