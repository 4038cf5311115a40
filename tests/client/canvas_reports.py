"""A report with the findings and the canvas of a small audit, for a scripted service."""

import base64
import hashlib
import io
import zipfile

import numpy as np
from modicum.v1 import audit_service_pb2

from tests.client.scripted_service import VERSION
from tests.client.test_results import ROW

CANVAS = audit_service_pb2.REPORT_FORMAT_CANVAS


SIDE = 2


MASK = np.array([[True, False], [False, False]])


IMAGE = np.array([[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[0.2, 0.2], [0.2, 0.2]]], dtype=np.float32)


MEAN = (0.5, 0.25, 0.75)


OTHER = "projects/default/models/other/versions/1"


def subset(mask):
    packed = base64.b64encode(np.packbits(mask)).decode()
    return {"mask": packed, "height": SIDE, "width": SIDE, "size": int(mask.sum()), "fraction": float(mask.mean())}


def found(item, **changes):
    digest = hashlib.sha256(item.encode()).hexdigest()
    return {**ROW, "item": item, "image_digest": digest, "subset": subset(MASK), **changes}


ROWS = [
    found("cat/a.png", label=0, target_class=0),
    found("dog/a.jpg", label=1, target_class=0),
    found("../x y.png", label=None, target_class=1),
    found("grey.png", subset=subset(np.zeros_like(MASK)), baseline_confident=True),
    found("unsure.png", subset=None, reason="NOT_ELIGIBLE"),
]


def with_controls(row):
    """The row with other subsets of the two controls: the lower right pixel, and the right column."""
    other = {**ROW["controls"]["class_targeted"], "target_class": 1, "size": 1, "subset": subset(MASK[::-1, ::-1])}
    robust = {
        "size": 2,
        "size_ratio": 2.0,
        "verifying_donors": 12,
        "sufficient_donors": 11,
        "confidence": 0.9,
        "budget_exhausted": False,
        "reason": None,
        "subset": subset(np.array([[False, True], [False, True]])),
    }
    return {**row, "controls": {**row["controls"], "class_targeted": other, "fill_robust": robust}}


def document(fill="mean", models=(VERSION,), **more):
    return {
        "schema_version": 1,
        "audit": "projects/default/audits/a",
        "specification": {"searches": [{"method": "mask_optimization", "threshold": 0.9, "fill": fill}]},
        "dataset": {"name": "projects/default/datasets/d"},
        "parameters": {"manifest_digest": "m" * 64},
        "models": [
            {"model_version": name, "digest": "e" * 64, "class_labels": ["cat", "dog"], "searches": []}
            for name in models
        ],
        "findings": {"digest": ""},
        **more,
    }


def canvas_archive(rows, image=IMAGE):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for digest in {row["image_digest"] for row in rows if row["subset"]}:
            values = io.BytesIO()
            np.save(values, image)
            archive.writestr(f"{digest}.npy", values.getvalue())
    return data.getvalue()


def hold(script, data):
    digest = hashlib.sha256(data).hexdigest()
    script.artifacts[digest] = data
    return digest
