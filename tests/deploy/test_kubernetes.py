"""deploy/kubernetes is valid, and matches the Dockerfile, compose.yaml, the settings and the commands."""

import copy
import re
from typing import Any

import pytest
import yaml
from modicum_server.settings import MEBIBYTE, Settings
from modicum_server.torchserve import java_process
from modicum_server.transports.grpc.server import LIVENESS
from sqlalchemy import make_url

from tests.deploy.dockerfile_reading import REPOSITORY, environment, health_check, lineage, read_stages
from tests.deploy.kubernetes_files import (
    OURS,
    OVERLAYS,
    container,
    documents,
    of_kind,
    one,
    only,
    pods,
    policies,
    probes,
    selected,
    variables,
)
from tests.deploy.service_commands import commands
from tools import kubernetes

STAGES = read_stages()
COMPOSED = yaml.safe_load((REPOSITORY / "deploy/compose.yaml").read_text())["services"]
PAGE = (REPOSITORY / "docs/how-to/run-on-kubernetes.md").read_text()
GRPC, HTTP, METRICS = (
    Settings.model_fields[name].default for name in ("grpc_port", "http_port", "worker_metrics_port")
)
GIBIBYTE = 1024 * MEBIBYTE
#: Kinds that belong to the whole cluster.
WITHOUT_NAMESPACE = {"Namespace", "PriorityClass"}
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
every_pod = pytest.mark.parametrize("name", OURS)


def complaints(*found: Any) -> list[str]:
    return [complaint for document in found for complaint in kubernetes.complaints(document)]


@pytest.mark.long
@every_overlay
def test_an_overlay_renders_to_documents_that_fit_their_schemas(overlay):
    assert complaints(*documents(overlay)) == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Deployment", "modicum-worker", ("spec", "template", "spec")),
        ("NetworkPolicy", "database", ("spec",)),
        ("ScaledObject", "modicum-worker", ("spec",)),
        ("PodMonitor", "modicum-api", ("spec",)),
    ],
)
def test_a_field_that_is_unknown_or_of_another_type_is_seen(kind, name, path):
    unknown, wrong = (copy.deepcopy(dict(one("everything", kind, name))) for _ in range(2))
    place = unknown
    for key in path:
        place = place[key]
    place["misspelt"] = "x"
    wrong["spec"] = "x"

    assert "misspelt" in str(complaints(unknown))
    assert complaints(wrong)


def test_every_component_is_rendered():
    folders = {each.name for each in (kubernetes.FOLDER / "components").iterdir()}

    assert folders == set(kubernetes.COMPONENTS)
    assert {each.name for each in kubernetes.FOLDER.iterdir()} == {"base", "components", "example"}


@every_overlay
def test_everything_lies_in_the_namespace(overlay):
    named = {each["metadata"].get("namespace") for each in documents(overlay) if each["kind"] not in WITHOUT_NAMESPACE}

    assert named == set(of_kind(overlay, "Namespace"))


@every_overlay
@every_pod
def test_a_pod_sets_only_known_settings_to_values_that_they_take(overlay, name, monkeypatch):
    given = {key: value for key, value in variables(overlay, name).items() if key.startswith("MODICUM_")}
    named = given.keys() | {each["name"] for each in container(overlay, name)["env"] if "MODICUM_" in each["name"]}

    assert {"MODICUM_DATABASE_URL", "MODICUM_ARTIFACTS_URL"} <= given.keys()
    assert {each.removeprefix("MODICUM_").lower() for each in named} <= Settings.model_fields.keys()
    monkeypatch.setattr("os.environ", given)
    Settings()


@every_pod
def test_a_pod_runs_a_command_of_the_image_that_compose_runs_it_with(name):
    found = container("base", name)

    assert found["image"] == COMPOSED[name]["image"]
    assert tuple(found["args"]) in commands()
    assert found["args"] == COMPOSED[name]["command"]
    assert "command" not in found, "the entry point of the image runs it"


def test_the_example_names_images_of_both():
    found = {name: container("example", name)["image"] for name in OURS}

    for name, image in found.items():
        assert re.fullmatch(rf"registry\.example\.org/{COMPOSED[name]['image']}:[\w.-]+", image)


@every_overlay
@every_pod
def test_a_pod_has_no_privilege_and_cannot_write_its_root(overlay, name):
    pod, inner = pods(overlay)[name]["spec"], container(overlay, name)["securityContext"]
    outer = pod["securityContext"]
    users = [each.rest for each in lineage(STAGES, COMPOSED[name]["build"]["target"]) if each.word == "USER"]

    assert f"{outer['runAsUser']}:{outer['runAsGroup']}" == users[-1]
    assert outer["runAsNonRoot"] is True
    assert outer["fsGroup"] == outer["runAsGroup"]
    assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inner == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert one(overlay, "ServiceAccount", pod["serviceAccountName"])["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}


@every_overlay
@every_pod
def test_a_pod_names_only_what_is_there_and_says_what_it_takes(overlay, name):
    pod, resources = pods(overlay)[name]["spec"], container(overlay, name)["resources"]

    assert pod["serviceAccountName"] in of_kind(overlay, "ServiceAccount")
    assert pod["priorityClassName"] in of_kind(overlay, "PriorityClass")
    assert resources["requests"].keys() >= {"cpu", "memory"}
    assert "memory" in resources["limits"], "without it, models would share the memory of the node"


@every_overlay
def test_what_a_pod_may_write_is_bounded_or_the_volume(overlay):
    folder = environment(lineage(STAGES, "worker"))["MODICUM_ARTIFACTS_URL"]
    for name in OURS:
        volumes = {each["name"]: each for each in pods(overlay)[name]["spec"].get("volumes", ())}
        for mount in container(overlay, name).get("volumeMounts", ()):
            volume = volumes.pop(mount["name"])
            if mount.get("readOnly"):
                assert "secret" in volume
            elif mount["mountPath"] == "/tmp":
                assert volume["emptyDir"].keys() == {"sizeLimit"}
            else:
                assert mount["mountPath"] == folder == variables(overlay, name)["MODICUM_ARTIFACTS_URL"]
                assert volume["persistentVolumeClaim"]["claimName"] in of_kind(overlay, "PersistentVolumeClaim")
        assert not volumes, "a volume is mounted nowhere"


def test_a_worker_has_room_for_what_it_keeps():
    volumes = pods("base")["worker"]["spec"]["volumes"]
    (limit,) = (int(each["emptyDir"]["sizeLimit"].removesuffix("Gi")) for each in volumes if "emptyDir" in each)
    asked = container("base", "worker")["resources"]["requests"]["ephemeral-storage"]

    kept = Settings.model_fields["kept_artifacts_bytes"].default
    assert limit * GIBIBYTE > kept
    assert kept < int(asked.removesuffix("Gi")) * GIBIBYTE <= limit * GIBIBYTE


@every_overlay
def test_a_pod_is_killed_only_after_its_own_grace(overlay):
    default = Settings.model_fields["grace_seconds"].default
    graces = {name: float(variables(overlay, name).get("MODICUM_GRACE_SECONDS", default)) for name in OURS}
    longest = {name: pods(overlay)[name]["spec"].get("terminationGracePeriodSeconds") for name in OURS}
    api = container(overlay, "api")["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert longest["api"] > api + 2 * graces["api"], "gRPC and HTTP end one after the other"
    assert longest["worker"] > graces["worker"] + 2 * java_process.TERMINATION_SECONDS
    assert graces["worker"] >= Settings.model_fields["shard_seconds"].default


@every_overlay
def test_no_variable_holds_a_secret(overlay):
    for name in OURS:
        found = container(overlay, name)

        assert all(each.keys() == {"configMapRef"} for each in found["envFrom"])
        assert all("secretKeyRef" not in each.get("valueFrom", {}) for each in found["env"])
        for key, value in variables(overlay, name).items():
            assert not re.search("PASSWORD|TOKEN|SECRET_|ACCESS_KEY", key), key
            assert "DATABASE_URL" not in key or make_url(value).password is None
    assert not of_kind(overlay, "Secret"), "a secret is yours to make"


@every_overlay
def test_what_serves_does_not_know_the_owner_of_the_tables(overlay):
    mounted = {
        name: {each["secret"]["secretName"] for each in pods(overlay)[name]["spec"]["volumes"] if "secret" in each}
        for name in OURS
    }

    for name in ("api", "worker"):
        assert "MODICUM_OWNER_DATABASE_URL" not in variables(overlay, name)
        assert "modicum-database" in mounted[name]
        assert "modicum-database-owner" not in mounted[name]
    given = variables(overlay, "migrate")
    owner, serving = (make_url(given[key]) for key in ("MODICUM_OWNER_DATABASE_URL", "MODICUM_DATABASE_URL"))
    assert mounted["migrate"] == {"modicum-database-owner"}
    assert (
        owner.username != serving.username == make_url(COMPOSED["api"]["environment"]["MODICUM_DATABASE_URL"]).username
    )
    assert owner.set(username="") == serving.set(username="")


@every_overlay
def test_passwords_come_from_the_file_of_services(overlay):
    for name in OURS:
        given = variables(overlay, name)
        mounts = {each["mountPath"] for each in container(overlay, name)["volumeMounts"]}
        url = make_url(given["MODICUM_DATABASE_URL"])

        assert given["PGSERVICEFILE"].rpartition("/")[0] in mounts
        assert url.query["sslrootcert"].rpartition("/")[0] in mounts
        assert f"[{url.query['service']}]\npassword=" in PAGE
        assert given["PGSERVICEFILE"].rpartition("/")[2] in PAGE


@every_overlay
def test_ports_are_the_defaults_and_named_alike_everywhere(overlay):
    ports = {
        name: {each["name"]: each["containerPort"] for each in container(overlay, name).get("ports", ())}
        for name in OURS
    }
    service = one(overlay, "Service", "modicum-api")["spec"]

    assert ports["api"] == {"grpc": GRPC, "http": HTTP}
    assert ports["worker"] in ({}, {"metrics": METRICS})
    assert {each["name"]: each["port"] for each in service["ports"]} == ports["api"]
    assert all(each["targetPort"] == each["name"] for each in service["ports"])
    assert selected(overlay, {"matchLabels": service["selector"]}) == {"api"}


@every_overlay
def test_the_api_is_probed_as_it_serves(overlay):
    found, has_tls = probes(overlay, "api"), "MODICUM_TLS_CERT" in variables(overlay, "api")
    asked = {kind: each["httpGet"] for kind, each in found.items() if "httpGet" in each}

    assert asked["readinessProbe"]["path"] == "/readyz"
    assert asked["startupProbe"]["path"] == "/healthz"
    assert {each.get("scheme", "HTTP") for each in asked.values()} == {"HTTPS" if has_tls else "HTTP"}
    if has_tls:
        assert asked["livenessProbe"]["path"] == "/healthz"
        assert "grpc" not in found["livenessProbe"], "kubelet's probe by gRPC speaks no TLS"
    else:
        assert found["livenessProbe"]["grpc"] == {"port": GRPC, "service": LIVENESS}


@every_overlay
def test_a_worker_is_probed_by_the_check_of_its_image(overlay):
    asked = probes(overlay, "worker")

    assert asked.keys() == {"startupProbe", "readinessProbe", "livenessProbe"}
    assert all(each["exec"]["command"] == health_check(lineage(STAGES, "worker")) for each in asked.values())


def test_a_budget_keeps_one_api():
    api, budget = one("base", "Deployment", "modicum-api"), one("base", "PodDisruptionBudget", "modicum-api")

    assert api["spec"]["replicas"] > budget["spec"]["minAvailable"] == 1
    assert selected("base", budget["spec"]["selector"]) == selected("base", api["spec"]["selector"]) == {"api"}


@every_overlay
def test_nothing_comes_in_or_goes_out_but_what_is_named(overlay):
    closed = one(overlay, "NetworkPolicy", "default-deny")["spec"]
    into = [(frozenset(names), each["port"]) for names, rule in policies(overlay, "ingress") for each in rule["ports"]]
    out = {
        (name, each["port"]) for names, rule in policies(overlay, "egress") for each in rule["ports"] for name in names
    }
    metrics = (
        {(frozenset({"api"}), HTTP), (frozenset({"worker"}), METRICS)} if of_kind(overlay, "PodMonitor") else set()
    )
    proxied = {"proxy"} & pods(overlay).keys()
    front = {(frozenset({name}), port) for name in proxied for port in (GRPC, HTTP)}
    behind = {(name, port) for name in proxied for port in (53, GRPC, HTTP)}
    bucket = set() if of_kind(overlay, "PersistentVolumeClaim") else {("api", 443), ("worker", 443)}

    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert set(into) == {(frozenset({"api"}), GRPC), (frozenset({"api"}), HTTP)} | metrics | front
    assert all(rule["from"] for _, rule in policies(overlay, "ingress")), "nobody is let in without a label"
    assert out == {(name, port) for name in OURS for port in (53, 5432)} | bucket | behind


def test_a_worker_computes_with_the_cores_that_it_asks_for():
    (threads,) = (each for each in container("base", "worker")["env"] if each["name"] == "MODICUM_THREADS")

    assert threads["valueFrom"]["resourceFieldRef"] == {"containerName": "worker", "resource": "requests.cpu"}
    assert container("base", "worker")["resources"]["limits"].keys() == {"memory"}


def test_a_gpu_is_one_for_a_pod_and_a_slot_and_none_is_needed_to_replace_it():
    worker = one("gpu", "Deployment", "modicum-worker")["spec"]

    assert container("gpu", "worker")["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert variables("gpu", "worker")["MODICUM_SLOTS"] == "1"
    assert worker["strategy"]["rollingUpdate"]["maxSurge"] == 0
    assert only(worker["template"]["spec"]["tolerations"])["key"] == "nvidia.com/gpu"


@every_overlay
def test_the_first_step_of_an_update_has_what_the_migration_needs_and_starts_nothing_else(overlay):
    later = ("api", "worker", "proxy")
    first = [
        each
        for each in documents(overlay)
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/component") not in later
    ]
    names = {(each["kind"], each["metadata"]["name"]) for each in first}
    pod, found = pods(overlay)["migrate"]["spec"], container(overlay, "migrate")

    assert f"--selector 'app.kubernetes.io/component notin ({', '.join(later)})'" in PAGE
    assert {kind for kind, _ in names} & {"Deployment", "Job", "ScaledObject"} == {"Job"}
    assert {("ConfigMap", each["configMapRef"]["name"]) for each in found["envFrom"]} <= names
    assert {("ServiceAccount", pod["serviceAccountName"]), ("PriorityClass", pod["priorityClassName"])} <= names


def test_the_page_says_how_to_make_each_secret():
    named = set(
        re.findall(
            r"secretName': '([\w-]+)'|'credentials': \{'key': 'token', 'name': '([\w-]+)'", str(documents("everything"))
        )
    )
    secrets = {first or second for first, second in named} | {"modicum-artifacts"}

    assert secrets == {
        "modicum-database",
        "modicum-database-owner",
        "modicum-artifacts",
        "modicum-tls",
        "modicum-metrics",
    }
    for name in secrets:
        assert re.search(rf"create secret \S+ {name}\b|secretName: {name}\b", PAGE), name


def test_the_page_adds_the_driver_of_the_bucket_with_the_release_that_fits():
    (fsspec,) = re.findall(r"^fsspec==(.+)$", (REPOSITORY / "deploy/constraints.txt").read_text(), re.MULTILINE)

    assert f"s3fs=={fsspec}" in PAGE
