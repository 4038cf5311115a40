"""deploy/compose.yaml matches the Dockerfile, the settings and the commands."""

import re
import shlex

import pytest
import yaml
from modicum_server.settings import Settings
from sqlalchemy import make_url

from tests.deploy.dockerfile_reading import REPOSITORY, environment, lineage, read_stages
from tests.deploy.service_commands import commands, options

TEXT = (REPOSITORY / "deploy/compose.yaml").read_text()
COMPOSED = yaml.safe_load(TEXT)
SERVICES = COMPOSED["services"]
PROVISIONING = REPOSITORY / "deploy" / "grafana" / "provisioning"
OURS = ("migrate", "api", "worker")
STAGES = read_stages()

TOP_LEVEL = {"name", "services", "volumes", "networks"}
OF_A_SERVICE = {
    *("image", "build", "command", "environment", "volumes", "networks", "ports", "tmpfs", "read_only", "init"),
    *("healthcheck", "depends_on", "restart", "stop_grace_period", "cap_drop", "security_opt", "profiles"),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def stage_of(service: str) -> str:
    target: str = SERVICES[service]["build"]["target"]
    return target


def test_it_has_the_shape_of_the_compose_specification():
    assert {key for key in COMPOSED if not key.startswith("x-")} == TOP_LEVEL
    for name, service in SERVICES.items():
        assert service.keys() <= OF_A_SERVICE, name
        assert ("image" in service) or ("build" in service), name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_names_only_what_is_declared(name):
    service = SERVICES[name]
    mounted = {volume.split(":")[0] for volume in service.get("volumes", [])}
    folders = {source for source in mounted if source.startswith("./")}

    assert mounted - folders <= COMPOSED["volumes"].keys()
    assert all((REPOSITORY / "deploy" / folder).is_dir() for folder in folders)
    assert set(service["networks"]) <= COMPOSED["networks"].keys()
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert how["condition"] in CONDITIONS
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_built_from_a_stage_of_the_dockerfile(name):
    build = SERVICES[name]["build"]
    arguments = {line.split("=")[0] for line in STAGES["worker-environment"].all_of("ARG")}

    assert stage_of(name) in STAGES
    assert (REPOSITORY / "deploy" / build["context"] / "Dockerfile").resolve() == REPOSITORY / "Dockerfile"
    assert build.get("args", {}).keys() <= arguments


@pytest.mark.parametrize("name", OURS)
def test_a_service_sets_only_known_settings(name):
    named = {key for key in SERVICES[name]["environment"] if key.startswith("MODICUM_")}

    assert named
    assert {key.removeprefix("MODICUM_").lower() for key in named} <= Settings.model_fields.keys()


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_exists(name):
    assert tuple(SERVICES[name]["command"]) in commands()


def test_the_commands_in_its_comments_exist():
    lines = re.findall(r"run --rm api (.*)", TEXT)

    assert lines
    for line in lines:
        words = shlex.split(line)
        first_option = next(index for index, word in enumerate(words) if word.startswith("--"))
        assert tuple(words[:first_option]) in commands()
        assert {word for word in words if word.startswith("--")} <= options(tuple(words[:first_option]))


def test_the_published_ports_are_the_defaults_and_on_loopback():
    defaults = [str(Settings.model_fields[name].default) for name in ("grpc_port", "http_port")]

    assert SERVICES["api"]["ports"] == [f"127.0.0.1:{port}:{port}" for port in defaults]


@pytest.mark.parametrize("name", ["api", "worker"])
def test_the_artifacts_lie_in_the_volume_and_where_the_image_made_the_folder(name):
    folder = SERVICES[name]["environment"]["MODICUM_ARTIFACTS_URL"]

    assert folder == environment(lineage(STAGES, stage_of(name)))["MODICUM_ARTIFACTS_URL"]
    assert f"artifacts:{folder}" in SERVICES[name]["volumes"]


@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_service_is_killed_only_after_its_own_grace(name):
    seconds = float(SERVICES[name]["stop_grace_period"].removesuffix("s"))

    assert seconds > Settings.model_fields["grace_seconds"].default


def test_every_service_waits_for_the_schema():
    for name in ("api", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_secrets_are_required_and_have_no_default():
    values = re.findall(r"PASSWORD: (.*)", TEXT)

    assert len(values) == 4
    assert all(re.match(r"\$\{(POSTGRES|SERVICE)_PASSWORD:\?", value) for value in values)


def test_what_serves_does_not_know_the_owner_of_the_tables():
    for name in ("api", "worker"):
        given = SERVICES[name]["environment"]
        assert "MODICUM_OWNER_DATABASE_URL" not in given
        assert given["PGPASSWORD"].startswith("${SERVICE_PASSWORD:?")
    owner = make_url(SERVICES["migrate"]["environment"]["MODICUM_OWNER_DATABASE_URL"])
    serving = make_url(SERVICES["api"]["environment"]["MODICUM_DATABASE_URL"])

    assert owner.username == SERVICES["postgres"]["environment"]["POSTGRES_USER"] != serving.username
    assert f"CREATE ROLE {serving.username} LOGIN" in (REPOSITORY / "deploy/postgres/service-role.sh").read_text()
    assert "./postgres:/docker-entrypoint-initdb.d:ro" in SERVICES["postgres"]["volumes"]


def test_grafana_finds_its_dashboards_where_its_provider_looks():
    [provider] = yaml.safe_load((PROVISIONING / "dashboards" / "modicum.yml").read_text())["providers"]
    [source] = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]

    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    assert source["url"] == "http://prometheus:9090"
    assert {"prometheus", "grafana"} == {name for name in SERVICES if SERVICES[name].get("profiles") == ["monitoring"]}


def test_prometheus_reaches_the_workers_and_runs_by_our_configuration():
    service = SERVICES["prometheus"]

    assert SERVICES["worker"]["environment"]["MODICUM_WORKER_METRICS_HOST"] == "0.0.0.0"
    assert set(SERVICES["worker"]["networks"]) <= set(service["networks"])
    assert "--config.file=/etc/prometheus/prometheus.yml" in service["command"]
    assert "./prometheus:/etc/prometheus:ro" in service["volumes"]


def test_the_worker_reaches_no_outside_network():
    assert SERVICES["worker"]["networks"] == ["inside"]
    assert COMPOSED["networks"]["inside"]["internal"] is True
