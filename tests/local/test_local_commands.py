"""`modicum-server` as an operator types it: what is missing, taken or done twice is told, with the right exit code."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import psycopg
import pytest
from google.rpc import error_details_pb2
from modicum import Client, errors

USAGE, NOT_COMPLETED = 2, 3


def run(*words: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-m", "modicum_server.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(**variables),
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def environment(**variables: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MODICUM_")}
    return ours | variables


@pytest.mark.parametrize("command", [("serve",), ("worker",), ("migrate",), ("token", "create", "--principal", "me")])
def test_a_command_without_its_settings_names_them(command):
    done = run(*command)

    assert done.returncode == USAGE
    assert "MODICUM_DATABASE_URL" in done.stderr


def test_a_command_without_a_place_for_artifacts_names_it():
    done = run("serve", MODICUM_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")

    assert done.returncode == USAGE
    assert "MODICUM_ARTIFACTS_URL" in done.stderr
