"""Results that the scripted service gives to the audit of a command."""

import gzip
import hashlib
import json

from modicum.v1 import audit_pb2

VERSION = "projects/default/models/m/versions/1"


def stored(script, content):
    digest = hashlib.sha256(content).hexdigest()
    script.artifacts[digest] = content
    return digest


def succeeded(script, document):
    """Let the scripted audit succeed with this document; return what is stored of it, as a server writes it."""
    rows = stored(script, gzip.compress(b""))
    whole = {"schema_version": 1, "models": [], "mitigation": [], **document, "findings": {"digest": rows}}
    script.audit.state = audit_pb2.Audit.STATE_SUCCEEDED
    written = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    script.audit.result_digest = stored(script, written)
    script.watches = [([(2, "SUCCEEDED")], "end")] * 4
    return written


def unmeasured():
    """A document of one search whose only image failed."""
    counts = dict.fromkeys(
        ("eligible", "not_eligible", "baseline_confident", "with_subset", "budget_exhausted", "saturated"), 0
    )
    search = {
        "search": {"method": "mask_optimization", "threshold": 0.9, "fill": "mean", "target_rule": "predicted"},
        "search_digest": "",
        "measures": {},
        "readings": [],
        "counts": {**counts, "images": 1, "failed": 1},
    }
    return {"models": [{"model_version": VERSION, "digest": "", "stamp": "", "searches": [search]}]}
