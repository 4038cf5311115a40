"""Checks deploy/kubernetes, and writes what it takes from elsewhere: `python tools/kubernetes.py`.

It renders the base, the base with each component, with all components, and the example. Every document must fit the
schemas of Kubernetes, of KEDA and of the Prometheus Operator, and may have no field that they do not know. It needs
kubectl or kustomize, and no cluster. `--write` writes the alerts of deploy/prometheus as objects of the Operator first.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from pydantic import ValidationError

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
FOLDER = DEPLOY / "kubernetes"
RULES = DEPLOY / "prometheus" / "rules.yml"
WRITTEN_RULES = FOLDER / "components" / "monitoring" / "rules.yaml"
HEADER = "# Written by tools/kubernetes.py from deploy/prometheus/rules.yml. Do not edit.\n"
#: Alerts for a number of workers that nobody changes. They stand alone: the component `scaling` leaves them out.
OF_CONSTANT_WORKERS = frozenset({"ModicumFewerWorkers"})
#: The oldest release with everything that the manifests use, and the newest whose schemas are installed.
RELEASES = ("1.30", kubernetes_validate.latest_version())
#: Packages with the models of kinds that Kubernetes itself does not have.
MODELS = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}
#: What renders a folder, the first that is installed.
RENDERERS = (("kubectl", "kustomize"), ("kustomize", "build"))
#: An order that README and how-to allow: `scaling` and `tls` change what `monitoring` brings, and `proxy` needs `tls`.
COMPONENTS = ("gpu", "monitoring", "scaling", "tls", "proxy", "volume")

Document = Mapping[str, Any]


class NotRendered(Exception):
    """A folder could not be rendered. The message is the renderer's."""


def renderer() -> tuple[str, ...] | None:
    """Return the command that renders a folder; None where neither kubectl nor kustomize is installed."""
    return next((words for words in RENDERERS if shutil.which(words[0])), None)


def overlays() -> Mapping[str, tuple[str, ...]]:
    """Return what is rendered, by name: each is the base with some components. The example is a folder of its own."""
    return {"base": (), **{name: (name,) for name in COMPONENTS}, "everything": COMPONENTS}


@cache
def rendered(name: str) -> Sequence[Document]:
    """Return the documents of an overlay or of the example.

    Raises:
        NotRendered
    """
    if name not in overlays():
        return _rendered(FOLDER / name)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        listed = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "modicum",
            "resources": [os.path.relpath(FOLDER / "base", place)],
            "components": [os.path.relpath(FOLDER / "components" / one, place) for one in overlays()[name]],
        }
        (place / "kustomization.yaml").write_text(yaml.safe_dump(listed), encoding="utf-8")
        return _rendered(place)


def _rendered(folder: Path) -> Sequence[Document]:
    words = renderer()
    if words is None:
        raise NotRendered("there is neither kubectl nor kustomize")
    done = subprocess.run([*words, str(folder)], capture_output=True, text=True, check=False)  # noqa: S603 - our words
    if done.returncode != 0:
        raise NotRendered(done.stderr.strip())
    # Warnings are of fields that a later release removes.
    if done.stderr.strip():
        raise NotRendered(f"with a warning: {done.stderr.strip()}")
    return tuple(yaml.safe_load_all(done.stdout))


def complaints(document: Document) -> list[str]:
    """Return what is wrong with a document: fields that are missing, wrong or unknown. Empty if it is valid."""
    return list(_complaints(json.dumps(document, sort_keys=True)))


@cache  # most documents are the same in every overlay
def _complaints(text: str) -> tuple[str, ...]:
    document = json.loads(text)
    name = f"{document['kind']} {document['metadata']['name']}"
    found = _of_models(document) if document["apiVersion"] in MODELS else _of_schemas(document)
    return tuple(f"{name}: {one}" for one in found)


def _of_schemas(document: Document) -> Iterator[str]:
    for release in RELEASES:
        try:
            kubernetes_validate.validate(document, release, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {release}: {'.'.join(map(str, error.path))}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield error.message


def _of_models(document: Document) -> Iterator[str]:
    model = getattr(import_module(MODELS[document["apiVersion"]]), document["kind"])
    try:
        known = model.model_validate(document).model_dump(mode="json", by_alias=True, exclude_none=True)
    except ValidationError as error:
        yield from (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return
    yield from (f"{path}: not known" for path in _lost(document, known, ""))


def _lost(written: object, known: object, path: str) -> Iterator[str]:
    """Yield the paths of what was written and is not known."""
    if isinstance(written, Mapping) and isinstance(known, Mapping):
        for key, value in written.items():
            yield from _lost(value, known.get(key), f"{path}.{key}".removeprefix("."))
    elif isinstance(written, list) and isinstance(known, list) and len(written) == len(known):
        for index, (value, same) in enumerate(zip(written, known, strict=True)):
            yield from _lost(value, same, f"{path}[{index}]")
    elif written != known:
        yield path


def rules() -> str:
    """Return the rules and alerts of deploy/prometheus as objects of the Prometheus Operator."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    usual = [{**one, "rules": [rule for rule in one["rules"] if not _is_of_constant_workers(rule)]} for one in groups]
    others = [rule for one in groups for rule in one["rules"] if _is_of_constant_workers(rule)]
    objects = (
        _rule_object("modicum", usual),
        _rule_object("modicum-constant-workers", [{"name": "modicum-constant-workers", "rules": others}]),
    )
    return HEADER + yaml.safe_dump_all(objects, sort_keys=False, width=120, allow_unicode=True)


def _is_of_constant_workers(rule: Mapping[str, Any]) -> bool:
    return rule.get("alert") in OF_CONSTANT_WORKERS


def _rule_object(name: str, groups: Sequence[Mapping[str, Any]]) -> Document:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name},
        "spec": {"groups": list(groups)},
    }


def main(arguments: list[str]) -> int:
    """Write the rules if asked to, then render and check everything. Return the exit code."""
    if arguments == ["--write"]:
        WRITTEN_RULES.write_text(rules(), encoding="utf-8")
    elif arguments:
        print(f"expected nothing or --write, got {' '.join(arguments)}", file=sys.stderr)
        return 2
    found: list[str] = []
    for name in (*overlays(), "example"):
        try:
            documents = rendered(name)
        except NotRendered as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        wrong = [one for document in documents for one in complaints(document)]
        print(f"{name}: {len(documents)} documents" + "".join(f"\n  {one}" for one in wrong))
        found += wrong
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
