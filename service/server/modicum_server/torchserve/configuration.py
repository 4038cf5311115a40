"""The command line and the configuration with which TorchServe is started."""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from modicum_server.torchserve.folders import ServerFolder

LOOPBACK = "127.0.0.1"
MEBIBYTE = 1024 * 1024
YEAR_MINUTES = 525_600
#: Names for sockets in a private folder.
INITIAL_WORKER_PORT = 9000
LOG_BYTES = 2 * MEBIBYTE

#: Newer Java runtimes close what TorchServe needs. Older ones do not know these options and are told to ignore them.
MEMORY_ACCESS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <Appenders>
    <RollingFile name="model" fileName="model.log" filePattern="model.log.%i">
      <PatternLayout pattern="%t - %m%n"/>
      <Policies><SizeBasedTriggeringPolicy size="{bytes}"/></Policies>
      <DefaultRolloverStrategy max="1"/>
    </RollingFile>
    <RollingFile name="server" fileName="server.log" filePattern="server.log.%i">
      <PatternLayout pattern="%d{{ISO8601}} [%p] %t %c - %m%n"/>
      <Policies><SizeBasedTriggeringPolicy size="{bytes}"/></Policies>
      <DefaultRolloverStrategy max="1"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Logger name="MODEL_LOG" level="info" additivity="false"><AppenderRef ref="model"/></Logger>
    <Logger name="ACCESS_LOG" level="off"/>
    <Logger name="MODEL_METRICS" level="off"/>
    <Logger name="TS_METRICS" level="off"/>
    <Logger name="org.apache" level="off"/>
    <Root level="warn"><AppenderRef ref="server"/></Root>
  </Loggers>
</Configuration>
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """The two gRPC ports, on loopback. TorchServe's HTTP uses Unix sockets in the private folder."""

    inference: int
    management: int


def free_ports() -> Ports:
    """Return two ports that were free a moment ago."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        numbers = [each.getsockname()[1] for each in sockets]
    return Ports(inference=numbers[0], management=numbers[1])


def properties(folder: ServerFolder, ports: Ports, *, response_seconds: int) -> Mapping[str, object]:
    """Return the settings of `config.properties`."""
    return {
        "inference_address": f"unix:{folder.path / 'i.sock'}",
        "management_address": f"unix:{folder.path / 'm.sock'}",
        "metrics_address": f"unix:{folder.path / 'x.sock'}",
        "grpc_inference_address": LOOPBACK,
        "grpc_management_address": LOOPBACK,
        "grpc_inference_port": ports.inference,
        "grpc_management_port": ports.management,
        "token_expiration_min": YEAR_MINUTES,
        "enable_model_api": "true",
        "allowed_urls": "file:///nonexistent/.*",
        "install_py_dep_per_model": "false",
        "disable_system_metrics": "true",
        "metrics_mode": "prometheus",
        "enable_metrics_api": "false",
        "default_workers_per_model": 1,
        "default_response_timeout": response_seconds,
        "unregister_model_timeout": 10,
        "netty_client_threads": 16,
        "max_request_size": MEBIBYTE,
        "max_response_size": MEBIBYTE,
        "initial_worker_port": INITIAL_WORKER_PORT,
        "blacklist_env_vars": ".*(MODICUM|TOKEN|SECRET|PASSWORD|KEY).*",
    }


def write_configuration(folder: ServerFolder, ports: Ports, *, response_seconds: int) -> None:
    """Write `config.properties` and the configuration of its logging into the folder."""
    lines = [f"{name}={value}" for name, value in properties(folder, ports, response_seconds=response_seconds).items()]
    (folder.path / "config.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder.path / "log4j2.xml").write_text(LOGGING.format(bytes=LOG_BYTES), encoding="utf-8")


def command(java: Path, home: Path, folder: ServerFolder) -> list[str]:
    """Return the command that starts TorchServe with the wrapper as the Python of its model processes."""
    return [
        str(java),
        *("-Xmx512m", "-XX:+ExitOnOutOfMemoryError"),
        *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),  # it only relays: a third less processor time at start
        *MEMORY_ACCESS,
        f"-Dmodel_server_home={home}",
        f"-Djava.io.tmpdir={folder.tmp}",
        f"-Dlog4j.configurationFile={(folder.path / 'log4j2.xml').as_uri()}",
        f"-DLOG_LOCATION={folder.path}",
        f"-DMETRICS_LOCATION={folder.path}",
        *("-cp", f"{home / 'ts' / 'frontend'}/*", "org.pytorch.serve.ModelServer"),
        *("--python", str(folder.wrapper)),
        *("--ts-config-file", str(folder.path / "config.properties")),
        *("--model-store", str(folder.store)),
        "--no-config-snapshot",
    ]
