"""The manifests of deploy/kubernetes as they are rendered: documents, pods and containers by overlay."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests import machine
from tools import kubernetes

OVERLAYS = (*kubernetes.overlays(), "example")
#: The containers of our images, by their names.
OURS = ("api", "migrate", "worker")

Document = Mapping[str, Any]


def documents(overlay: str) -> Sequence[Document]:
    """What an overlay renders to. Without kubectl and kustomize, the package is `missing`."""
    machine.program("kubectl", "kustomize", package="kubectl")
    return kubernetes.rendered(overlay)


def of_kind(overlay: str, kind: str) -> dict[str, Document]:
    """The documents of a kind, by name."""
    return {one["metadata"]["name"]: one for one in documents(overlay) if one["kind"] == kind}


def one(overlay: str, kind: str, name: str) -> Document:
    """A single document."""
    return of_kind(overlay, kind)[name]


def pods(overlay: str) -> dict[str, Document]:
    """The templates of pods, by the name of their only container."""
    templates = [each["spec"]["template"] for each in documents(overlay) if each["kind"] in {"Deployment", "Job"}]
    return {only(template["spec"]["containers"])["name"]: template for template in templates}


def container(overlay: str, name: str) -> Document:
    """The only container of a pod."""
    return only(pods(overlay)[name]["spec"]["containers"])


def only(found: Sequence[Document]) -> Document:
    (one_alone,) = found
    return one_alone


def variables(overlay: str, name: str) -> dict[str, str]:
    """What the environment of a container holds: the config maps that it names, then its own variables with a value."""
    found: dict[str, str] = {}
    for source in container(overlay, name)["envFrom"]:
        found |= one(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
    return found | {each["name"]: each["value"] for each in container(overlay, name)["env"] if "value" in each}


def probes(overlay: str, name: str) -> dict[str, Document]:
    return {key: value for key, value in container(overlay, name).items() if key.endswith("Probe")}


def selected(overlay: str, selector: Document) -> set[str]:
    """The pods that a selector of labels takes; an empty one takes all."""
    return {name for name, template in pods(overlay).items() if _fits(template["metadata"]["labels"], selector)}


def policies(overlay: str, direction: str) -> Iterator[tuple[set[str], Document]]:
    """Each rule that opens something in a direction, `ingress` or `egress`, and the pods that it is for."""
    for policy in of_kind(overlay, "NetworkPolicy").values():
        for rule in policy["spec"].get(direction, ()):
            yield selected(overlay, policy["spec"]["podSelector"]), rule


def _fits(labels: Mapping[str, str], selector: Document) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    among = selector.get("matchExpressions", ())
    assert all(each["operator"] == "In" for each in among)
    return all(labels.get(key) == value for key, value in wanted) and all(
        labels.get(each["key"]) in each["values"] for each in among
    )
