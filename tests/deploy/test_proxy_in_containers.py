"""The proxy as a container: deploy/compose.proxy.yaml and the component `proxy` of deploy/kubernetes."""

import re
import subprocess

import pytest
import yaml
from modicum_server.settings import Settings

from tests import machine
from tests.deploy.dockerfile_reading import REPOSITORY, lineage, read_stages
from tests.deploy.kubernetes_files import OVERLAYS, container, of_kind, one, only, pods, probes, selected, variables
from tests.deploy.test_compose import CONDITIONS, OF_A_SERVICE, SERVICES
from tests.deploy.test_kubernetes import GRPC, HTTP
from tests.torchserve import levels
from tests.transports.test_starting import certificate  # noqa: F401 - a fixture

PROXY = REPOSITORY / "deploy/proxy"
MOUNTED = ("modicum.conf", "nginx.conf", "service.conf")
PAGE = (REPOSITORY / "docs/how-to/put-a-proxy-in-front.md").read_text()
STAGES = read_stages()
PROXIED = [overlay for overlay in OVERLAYS if overlay in {"proxy", "everything"}]
every_proxied_overlay = pytest.mark.parametrize("overlay", PROXIED)


class Compose(yaml.SafeLoader):
    """Reads the tags by which a file of compose replaces what an earlier file has."""


Compose.add_constructor("!reset", lambda _loader, _node: None)
TEXT = (REPOSITORY / "deploy/compose.proxy.yaml").read_text()
COMPOSED = yaml.load(TEXT, Compose)["services"]
OUTSIDE = COMPOSED["api"]["networks"]["outside"]


def upstreams() -> set[str]:
    """Where nginx looks for the API."""
    return set(re.findall(r"server ([\w-]+:\d+);", (PROXY / "service.conf").read_text()))


def paths_of_certificate() -> list[str]:
    return re.findall(r"ssl_certificate(?:_key)? ([^;]+);", (PROXY / "modicum.conf").read_text())


def mounts_of_compose(name: str) -> dict[str, str]:
    """What a service mounts, by the place where it does."""
    mounts = (each.rpartition(":")[0].rpartition(":") for each in COMPOSED[name]["volumes"])
    return {place: source for source, _, place in mounts}


def places(overlay: str) -> dict[str, str]:
    """Where the container of Kubernetes has each of its volumes."""
    return {each["name"]: each["mountPath"] for each in container(overlay, "proxy")["volumeMounts"]}


def test_nginx_takes_the_files_as_they_are_mounted(tmp_path, certificate):  # noqa: F811 - the fixture
    cert, key = certificate
    (tmp_path / "hosts").write_text("".join(f"127.0.0.1 {each.partition(':')[0]}\n" for each in upstreams()))
    (tmp_path / "proxy").mkdir()
    for name in MOUNTED:
        (tmp_path / "proxy" / name).write_bytes((PROXY / name).read_bytes())

    done = subprocess.run(
        [
            *_in_a_container(tmp_path),
            *(
                word
                for path, file in zip(paths_of_certificate(), (cert, key), strict=True)
                for word in ("--ro-bind", str(file), path)
            ),
            "--remount-ro",
            "/",
            *COMPOSED["proxy"]["entrypoint"],
            "-t",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "test is successful" in done.stderr
    assert not re.search(r"\[(warn|alert|emerg|error)\]", done.stderr), done.stderr


def _in_a_container(folder):
    """The beginning of a command in a root that has nginx, the files of the folder and nothing else."""
    machine.program("nginx", "/usr/sbin/nginx", package="nginx-light")
    levels.require(levels.Level.BUBBLEWRAP)
    user, group = COMPOSED["proxy"]["user"].split(":")
    linked = (("usr/bin", "/bin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64"))
    return [
        "bwrap", "--unshare-all", "--uid", user, "--gid", group, "--cap-drop", "ALL",
        "--ro-bind", "/usr", "/usr",
        *(word for target, place in linked for word in ("--symlink", target, place)),
        "--dev", "/dev", "--tmpfs", "/tmp",
        "--ro-bind", str(folder / "hosts"), "/etc/hosts",
        "--ro-bind", str(folder / "proxy"), "/etc/modicum/proxy",
        "--setenv", "PATH", "/usr/sbin:/usr/bin",
    ]  # fmt: skip


def test_compose_names_only_what_is_declared():
    proxy = COMPOSED["proxy"]

    assert COMPOSED.keys() == {"api", "proxy"}
    assert proxy.keys() <= OF_A_SERVICE | {"entrypoint", "user"}
    assert COMPOSED["api"].keys() <= OF_A_SERVICE
    assert {*proxy["networks"], *COMPOSED["api"]["networks"]} <= set(SERVICES["api"]["networks"])
    assert (REPOSITORY / "deploy" / mounts_of_compose("proxy")["/etc/modicum/proxy"]).resolve() == PROXY
    assert proxy["depends_on"]["api"]["condition"] in CONDITIONS
    assert any(each.word == "HEALTHCHECK" for each in lineage(STAGES, "api")), "the proxy waits until it is healthy"


def test_in_compose_only_the_proxy_publishes_the_ports():
    assert re.search(r"^    ports: !reset \[\]$", TEXT, re.MULTILINE)
    assert COMPOSED["proxy"]["ports"] == [f"{port}:{port}" for port in (GRPC, HTTP)]


def test_in_compose_nginx_finds_the_api_by_its_other_name():
    assert upstreams() == {f"{only(OUTSIDE['aliases'])}:{port}" for port in (GRPC, HTTP)}
    assert COMPOSED["proxy"]["networks"] == ["outside"]


def test_compose_sets_only_known_settings_to_values_that_they_take(monkeypatch):
    given = COMPOSED["api"]["environment"]

    assert {each.removeprefix("MODICUM_").lower() for each in given} <= Settings.model_fields.keys()
    monkeypatch.setenv("MODICUM_TRUSTED_PROXIES", given["MODICUM_TRUSTED_PROXIES"])
    Settings()


def test_in_compose_both_read_one_certificate_from_one_folder():
    given = COMPOSED["api"]["environment"]
    sources = [
        {mounts_of_compose(name)[path.rpartition("/")[0]] for path in paths_of_certificate()} for name in COMPOSED
    ]

    assert [given["MODICUM_TLS_CERT"], given["MODICUM_TLS_KEY"]] == paths_of_certificate()
    assert sources == [{"${TLS_FOLDER:?set it to the folder of tls.crt and tls.key}"}] * 2


def test_the_variables_of_compose_are_required_and_the_page_sets_them():
    variables_named = set(re.findall(r"\$\{(\w+):\?", TEXT))

    assert "${" not in re.sub(r"\$\{\w+:\?", "", TEXT)
    assert all(re.search(rf"export .*\b{name}=", text) for name in variables_named for text in (TEXT, PAGE))


def test_in_compose_the_proxy_has_no_privilege_and_cannot_write_its_root():
    proxy = COMPOSED["proxy"]

    assert proxy["user"] == [each.rest for each in lineage(STAGES, "api") if each.word == "USER"][-1]
    assert all(proxy[key] == SERVICES["api"][key] for key in ("read_only", "tmpfs", "cap_drop", "security_opt"))


@every_proxied_overlay
def test_kubernetes_runs_what_compose_runs(overlay):
    found = container(overlay, "proxy")

    assert (found["image"], found["command"]) == (COMPOSED["proxy"]["image"], COMPOSED["proxy"]["entrypoint"])
    assert places(overlay)["configuration"] in mounts_of_compose("proxy")
    assert {path.rpartition("/")[0] for path in paths_of_certificate()} == {places(overlay)["tls"]}


@every_proxied_overlay
def test_the_pod_has_the_files_of_the_repository_and_a_new_name_of_them_restarts_it(overlay):
    volumes = {each["name"]: each for each in pods(overlay)["proxy"]["spec"]["volumes"]}
    name = volumes["configuration"]["configMap"]["name"]

    assert re.fullmatch(r"modicum-proxy-\w{10}", name)
    assert one(overlay, "ConfigMap", name)["data"] == {each: (PROXY / each).read_text() for each in MOUNTED}
    assert volumes.keys() == places(overlay).keys()


@every_proxied_overlay
def test_the_pod_is_confined_as_the_pods_of_the_api_are(overlay):
    proxy, api = (pods(overlay)[name]["spec"] for name in ("proxy", "api"))
    same = ("securityContext", "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks")

    assert {key: proxy[key] for key in same} == {key: api[key] for key in same}
    assert container(overlay, "proxy")["securityContext"] == container(overlay, "api")["securityContext"]
    assert proxy["priorityClassName"] in of_kind(overlay, "PriorityClass")
    assert not proxy.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}


@every_proxied_overlay
def test_callers_reach_the_proxy_and_the_proxy_the_api_at_the_same_ports(overlay):
    service = one(overlay, "Service", "modicum-proxy")["spec"]
    ports = {each["name"]: each["containerPort"] for each in container(overlay, "proxy")["ports"]}

    assert ports == {each["name"]: each["port"] for each in service["ports"]} == {"grpc": GRPC, "http": HTTP}
    assert all(each["targetPort"] == each["name"] for each in service["ports"])
    assert {each["tcpSocket"]["port"] for each in probes(overlay, "proxy").values()} <= ports.keys()
    assert selected(overlay, {"matchLabels": service["selector"]}) == {"proxy"}
    assert {each.partition(":")[0] for each in upstreams()} == {"modicum-api"} <= of_kind(overlay, "Service").keys()


@every_proxied_overlay
def test_only_the_proxy_may_call_the_api_which_believes_its_addresses(overlay):
    callers = only(only(one(overlay, "NetworkPolicy", "api")["spec"]["ingress"])["from"])
    goal = one(overlay, "NetworkPolicy", "proxy")["spec"]["egress"][0]["to"]

    assert callers.keys() == {"podSelector"}, "a pod of the same namespace"
    assert selected(overlay, callers["podSelector"]) == {"proxy"}
    assert selected(overlay, only(goal)["podSelector"]) == {"api"}
    assert variables(overlay, "api")["MODICUM_TRUSTED_PROXIES"]


@every_proxied_overlay
def test_a_budget_keeps_one_proxy(overlay):
    proxy, budget = one(overlay, "Deployment", "modicum-proxy"), one(overlay, "PodDisruptionBudget", "modicum-proxy")

    assert proxy["spec"]["replicas"] > budget["spec"]["minAvailable"] == 1
    assert selected(overlay, budget["spec"]["selector"]) == selected(overlay, proxy["spec"]["selector"]) == {"proxy"}
