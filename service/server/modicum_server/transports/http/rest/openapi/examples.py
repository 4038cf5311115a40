"""Examples of what callers send, by message and by collection. A test checks that each is valid."""

from collections.abc import Mapping
from typing import Any

_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

#: Ids in paths.
IDS: Mapping[str, str] = {
    "projects": "default",
    "models": "resnet18",
    "versions": "1",
    "datasets": "holdout",
    "artifacts": _DIGEST,
    "audits": "first",
    "findings": "0-0-3",
    "members": "ci",
    "tokens": "5b1c0f3e9a7d2468",
    "trustRules": "main",
    "verdicts": "019ac5a1b7e2-5c1d0e9f3a",
    "reviews": "019ac5a1b7e2-9b30c4d2e1",
    "erasures": "019ac5a1b7e2-2f6e8a0b4c",
    "holds": "incident-12",
}

#: Values of required fields in queries: the id of what is created. The project `default` always exists.
IN_QUERIES: Mapping[str, str] = {
    "project_id": "birds",
    "model_id": IDS["models"],
    "dataset_id": IDS["datasets"],
    "member_id": IDS["members"],
    "trust_rule_id": IDS["trustRules"],
    "hold_id": IDS["holds"],
}

_IMAGENET = {
    "channels": 3,
    "height": 224,
    "width": 224,
    "lowerBound": 0,
    "upperBound": 1,
    "resize": 256,
    "interpolation": "bilinear",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}

#: Bodies of requests.
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "modicum.v1.Project": {},
    "modicum.v1.Model": {},
    "modicum.v1.ModelVersion": {
        "weights": {"digest": _DIGEST, "architecture": "torchvision:resnet18"},
        "input": _IMAGENET,
        "classLabels": ["tench", "goldfish"],
    },
    "modicum.v1.Dataset": {"manifestDigest": _DIGEST},
    "modicum.v1.Audit": {
        "specification": {
            "modelVersions": ["projects/default/models/resnet18/versions/1"],
            "dataset": "projects/default/datasets/holdout",
            "searches": [{"threshold": 0.9}],
        }
    },
    "modicum.v1.Review": {"seed": 7},
    "modicum.v1.InviteReviewerRequest": {"displayName": "Ada"},
    "modicum.v1.Member": {"role": "ROLE_AUDITOR"},
    "modicum.v1.SetMemberRoleRequest": {"role": "ROLE_VIEWER"},
    "modicum.v1.Token": {"principal": "ci", "displayName": "nightly"},
    "modicum.v1.TrustRule": {
        "issuer": "ISSUER",
        "audience": "AUDIENCE",
        "claims": [
            {"name": "repository_id", "value": "1296269"},
            {"name": "ref", "value": "refs/heads/main"},
        ],
        "role": "ROLE_AUDITOR",
    },
    "modicum.v1.ExchangeTokenRequest": {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "HEADER.CLAIMS.SIGNATURE",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    },
    "modicum.v1.Hold": {"held": "projects/default/audits/first", "reason": "evidence of incident 12"},
    "modicum.v1.SetRetentionRequest": {"retention": {"findingsDays": 90, "imagesDays": 30}},
    "modicum.v1.EraseImageRequest": {"imageDigest": _DIGEST},
    "modicum.v1.RotateTokenRequest": {"overlapSeconds": 3600},
    "modicum.v1.FindMissingArtifactsRequest": {"digests": [_DIGEST]},
    "modicum.v1.UploadSmallArtifactsRequest": {"contents": ["iVBORw0KGgo="]},
    "modicum.v1.CancelAuditRequest": {},
    "modicum.v1.StopAuditRequest": {},
    "modicum.v1.JudgeAuditRequest": {"policy": "version: 1\npreset: recommended\n"},
}
