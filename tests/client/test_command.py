"""The `modicum` command: what it refuses before any work, its exit codes, and what Ctrl-C does."""

import json
import os
import signal
import subprocess
import sys

import pytest
from modicum import errors
from modicum.cli.exit_codes import exit_code
from modicum.cli.requests import MOST_BACKSELECT_PASSES
from modicum.gate.search_passes import backselect_passes
from modicum.v1 import search_pb2

from tests.commands import run_command
from tests.model_files import SAFETENSORS
from tests.waiting import eventually

COMMAND = [sys.executable, "-c", "from modicum.cli import main; main()"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with images and weights, and no server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODICUM_ADDRESS", "127.0.0.1:1")
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "a.jpg").write_bytes(b"a")
    (tmp_path / "w.safetensors").write_bytes(SAFETENSORS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    return tmp_path


@pytest.fixture
def run(capsys):
    """Runs the command in this process; gives its exit code, stdout and stderr."""

    return lambda *arguments: run_command(arguments, capsys)


UNPREPARED = ("--weights", "w.safetensors", "--architecture", "torchvision:resnet18")
NAMELESS = (*UNPREPARED, "--input", "imagenet")
GOOD = (*NAMELESS, "--class-labels", "labels.txt")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("photos", "--weights", "w.safetensors"), "name of their architecture"),
        (
            ("photos", "--weights", "absent", "--architecture", "torchvision:resnet18"),
            "--weights absent: there is no such file; expected a file of weights (.safetensors, .pt, .pth) or",
        ),
        (("photos", *GOOD, "--weights", "w.safetensor"), "Did you mean w.safetensors?"),
        (("photos", *GOOD, "--weights", "no/w.pt"), "The folder no does not exist either: correct the path, or"),
        (("photos", "--exported", "p.pt2"), "--exported p.pt2: there is no such file; expected a torch.export"),
        (
            ("photos", *GOOD, "--architecture", "resnet18"),
            "architecture: expected FAMILY:NAME, such as torchvision:resnet18; got 'resnet18'",
        ),
        (
            ("photos",),
            "hf://ORG/NAME@COMMIT), weights, exported (.pt2), torchscript and endpoint; got none",
        ),
        (("empty", *GOOD), "found none"),
        (("absent", *GOOD), "absent: not found; expected a folder of images"),
        (("photos", *GOOD, "--threshold", "1.5"), "above 0 and below 1"),
        (("photos", *GOOD, "--threshold", "0.9", "--threshold", "0"), "above 0 and below 1"),
        (("photos", *GOOD, "--output", "a.pdf"), "expected a file ending in .json or .html, got .pdf"),
        (("photos", *GOOD, "--output", "no/a.json"), "its folder does not exist"),
        (("photos", *GOOD, "--output", "empty"), "got no suffix"),
        (
            ("photos", *UNPREPARED),
            "efficientnet_lite2, or a .toml file, because w.safetensors does not say how its images are prepared",
        ),
        (("photos", *GOOD, "--input", "absent.toml"), "--input absent.toml: there is no such file; expected a .toml"),
        (
            ("photos", *NAMELESS, "--class-labels", "label.txt"),
            "no such file; expected a text file with the name of a class on each line. Did you mean labels.txt?",
        ),
        (("photos", *GOOD, "--photo-labels", "absent.csv"), "--photo-labels absent.csv: there is no such file"),
        (("photos", *GOOD, "--label-names", "absent.txt"), "--label-names absent.txt: there is no such file"),
        (("photos", *GOOD, "--masks", "absent"), "--masks absent: there is no such folder; expected a folder of mask"),
        (("photos", *GOOD, "--counterfactual", "absent"), "--counterfactual absent: there is no such file or folder"),
        (
            ("photos", *GOOD, "--boxes", "label.txt"),
            "of file,left,top,right,bottom, a .json, or a folder of Pascal VOC files. Did you mean labels.txt?",
        ),
        (
            ("photos", *NAMELESS, "--class-labels", "empty"),
            "labels file empty: expected a file, got a folder; give a file in it",
        ),
        (("photos", *GOOD, "--control", "sanity"), "NAME:IMAGES"),
        (("photos", *GOOD, "--control", "fill", "--no-controls"), "exclude each other"),
        (("photos", *GOOD, "--device", "tpu"), "--device: expected one of auto, cpu, cuda, got 'tpu'"),
        (("photos", *GOOD, "--sample", "2"), "--sample: expected at most 1, the number of images in photos; got 2: "),
        (("photos", *GOOD, "--fraction", "1"), "below 1"),
        (("photos", *GOOD, "--passes", "9"), "--passes: expected 0 (the server chooses) or 10 to"),
        (("photos", *GOOD, "--pixel-subsets", "15"), "--pixel-subsets: expected 0 (the server chooses) or 16 to"),
        (("photos", *GOOD, "--pixel-subsets-method", "batched_gradient"), "needs --pixel-subsets PASSES"),
        (
            ("photos", *GOOD, "--pixel-subsets", "0", "--pixel-subsets-method", "backselect"),
            "--pixel-subsets-method: expected mask_optimization or batched_gradient; backselect would",
        ),
        (
            ("photos", *GOOD, "--method", "backselect", "--passes", "50"),
            "--passes belongs to --method mask_optimization, but the method is backselect; remove --passes or",
        ),
        (
            ("photos", *GOOD, "--pixels-per-step", "2"),
            "--pixels-per-step belongs to --method batched_gradient, but the method is mask_optimization",
        ),
        (("photos", *GOOD, "--fraction", "0.1"), "--fraction belongs to --method backselect"),
        (("photos", *GOOD, "--level", "95"), "level: expected 0.5 to 0.999, got 95.0"),
        (("photos", *GOOD, "--alpha", "0"), "alpha: expected above 0 and below 1, got 0.0"),
        (("photos", *GOOD, "--alpha", "nan"), "alpha: expected above 0 and below 1, got nan"),
        (("photos", *GOOD, "--name", "My Model"), "1 to 63"),
        (("photos", *GOOD, "--seed", str(2**63)), "--seed"),
        (("photos", *GOOD, "--passes", str(2**63)), "--passes"),
        (("photos", *GOOD, "--sample", str(2**31)), "--sample"),
        (("photos", *GOOD, "--pixels-per-step", str(2**31)), "--pixels-per-step"),
        (("photos", *GOOD, "--control", f"fill:{2**31}"), "images of a control: expected a whole number from 0"),
        (("photos", *GOOD, "--control", "fill:\u00b2"), "expected IMAGES to be a whole number, 0 or more"),
        (("photos", *GOOD, "--control", "random:5:100"), "random takes no budget, because it does not search"),
        (
            ("photos", *NAMELESS),
            "cat/a.jpg has the label 'cat', but the model's classes have no names: give them with --class-labels",
        ),
        (
            ("photos", *GOOD, "--method", "backselect"),
            "with a fraction of 0 it would take 1,258,840,576 passes per image: remove more",
        ),
        (
            ("photos", *GOOD, "--method", "backselect", "--fraction", "0.0001"),
            "with a fraction of 0.0001 it would take more",
        ),
    ],
)
def test_wrong_options_are_refused_before_any_call(place, arguments, says, run):
    result = run("audit", *arguments)

    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("option", ["--boxes", "--photo-labels", "--label-names"])
def test_an_upload_of_images_names_the_option_whose_file_is_absent(place, option, run):
    result = run("datasets", "create", "pets", "photos", option, "label.txt")

    assert result.exit_code == 2
    assert f"{option} label.txt: there is no such file" in result.stderr
    assert "Did you mean labels.txt?" in result.stderr


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--ratio-limit", "0.9"), "ratio_limit: expected 1 to 100, got 0.9"),
        (("--accuracy-limit", "0.02"), "accuracy_limit: expected -1 to 0, got 0.02"),
        (("--level", "1"), "level: expected 0.5 to 0.999, got 1.0"),
        (("--photo-labels", "absent.csv"), "--photo-labels absent.csv: there is no such file"),
        (("--out-of-distribution", "absent"), "--out-of-distribution absent: there is no such file or folder"),
        (
            ("--out-of-distribution", "photos", "--out-of-distribution-labels", "absent.csv"),
            "--out-of-distribution-labels absent.csv: there is no such file",
        ),
    ],
)
def test_wrong_options_of_an_ensemble_check_are_refused_before_any_call(place, option, says, run):
    result = run("ensemble", "check", "photos", "--member", "a", "--member", "b", *option)

    assert result.exit_code == 2
    assert says in result.stderr


def test_a_link_to_a_file_that_does_not_exist_is_called_one(place, run):
    (place / "dangling.safetensors").symlink_to("gone.safetensors")

    done = run("audit", "photos", *GOOD, "--weights", "dangling.safetensors")

    assert "--weights dangling.safetensors: is a link to gone.safetensors, which does not exist" in done.stderr


def test_backselect_is_allowed_where_its_cost_is_bounded():
    def passes(side, fraction):
        return backselect_passes(side * side, fraction, most=MOST_BACKSELECT_PASSES)

    assert passes(32, 0.0) == 524_800
    assert passes(64, 0.0) < MOST_BACKSELECT_PASSES < passes(80, 0.0)
    assert passes(224, 0.05) < MOST_BACKSELECT_PASSES


def test_the_help_shows_the_default_threshold(run):
    assert "[default: 0.9]" in " ".join(run("audit", "--help").stdout.split())


@pytest.mark.parametrize("arguments", [("audit",), ("bogus",), ("audit", "photos", "--method", "magic")])
def test_usage_errors_end_with_2(place, arguments, run):
    assert run(*arguments).exit_code == 2


def test_an_argument_that_is_not_utf_8_is_a_usage_error_that_shows_it(place, run):
    result = run("models", "show", "m\udcff")

    assert result.exit_code == 2
    assert r"expected text in UTF-8, got m\xff" in result.stderr


@pytest.mark.parametrize("noun", ["models", "datasets", "audits"])
def test_an_unreachable_server_ends_every_command_with_3_and_no_traceback(place, quick_retries, noun, run):
    result = run(noun, "list", "--json")

    assert result.exit_code == 3
    assert result.stdout == ""
    assert "no Modicum server can be reached at 127.0.0.1:1" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_version_is_shown(run):
    assert run("--version").stdout.startswith("modicum 0.")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidSource(), 2),
        (errors.NotFound(), 2),
        (errors.Unauthenticated(), 2),
        (errors.ServerNotInstalled(), 2),
        (errors.ServerDidNotStart(), 3),
        (errors.Unreachable(), 3),
        (errors.DeadlineExceeded(), 3),
        (errors.AuditCancelled(), 3),
        (errors.AuditFailed(reason="MODEL_DIED"), 3),
        (errors.AuditFailed(reason="MODEL_REJECTED"), 5),
        (errors.ModelRejected(reason="STATE_DICT_MISMATCH"), 5),
        (errors.DataRefused(reason="LABEL_UNKNOWN"), 5),
        (errors.AlreadyExists(reason="DATASET_DIFFERS"), 5),
        (errors.FailedPrecondition(reason="RESOURCE_IN_USE"), 2),
        (errors.FailedPrecondition(reason="AUDIT_NOT_SUCCEEDED"), 3),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error, code):
    assert exit_code(error) == code


def test_only_json_goes_to_stdout(address, monkeypatch, run):
    monkeypatch.setenv("MODICUM_ADDRESS", address)

    result = run("models", "list", "--json")

    assert [model["name"][-2:] for model in json.loads(result.stdout)] == [f"m{place}" for place in range(6)]


@pytest.mark.parametrize("useful", [True, False])
def test_a_version_is_shown_with_its_channels_and_whether_it_has_no_gradient(address, script, monkeypatch, run, useful):
    monkeypatch.setenv("MODICUM_ADDRESS", address)
    script.useful_gradient = useful

    shown = run("models", "show", "m/1").stdout

    assert "13 channels, 40 x 32" in shown
    assert ("not useful, so mask_optimization searches with forward passes only" in shown) is not useful


def test_a_watch_in_json_prints_one_snapshot_per_line(address, script, monkeypatch, run):
    monkeypatch.setenv("MODICUM_ADDRESS", address)
    script.watches = [([(1, "RUNNING"), (2, "FAILED")], "end"), ([(2, "FAILED")], "end")]

    result = run("audits", "watch", "a", "--json")

    assert [json.loads(line)["state"] for line in result.stdout.splitlines()] == ["RUNNING", "FAILED"]
    assert result.exit_code == 3
    assert "it died on grey [MODEL_DIED]" in result.stderr


def started(address, *options):
    command = [*COMMAND, "audit", "photos", *GOOD, *options]
    environment = {**os.environ, "MODICUM_ADDRESS": address}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.long_after(1)
def test_an_interrupt_cancels_the_audit_and_ends_with_130(place, address, script, number):
    with started(address) as process:
        eventually(lambda: script.calls["WatchAudit"], "the watch")
        process.send_signal(number)
        _, said = process.communicate(timeout=300)

    assert process.returncode == 130
    created = script.calls["CreateAudit"][0].audit_id
    assert [request.name for request in script.calls["GetAudit"]] == [f"projects/default/audits/{created}"]
    assert len(script.calls["CancelAudit"]) == 1
    assert f"cancelling {created}" in said
    assert "Traceback" not in said


@pytest.mark.long
def test_a_second_interrupt_ends_the_command_at_once(place, address, script):
    script.steps["GetAudit"] = [600.0]
    with started(address) as process:
        eventually(lambda: script.calls["WatchAudit"], "the watch")
        process.send_signal(signal.SIGINT)
        eventually(lambda: script.calls["GetAudit"], "a look at the audit")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=50)  # GetAudit would have been waited for longer

    assert process.returncode == 130


FAILING_WATCHES = [([(3, "FAILED")], "end"), ([(3, "FAILED")], "end")]


@pytest.fixture
def served(place, address, script, monkeypatch):
    """The script of the service that commands of this process use."""
    monkeypatch.setenv("MODICUM_ADDRESS", address)
    return script


@pytest.mark.parametrize(
    ("options", "controls", "no_controls"),
    [
        pytest.param((), [], False, id="the server's default ones, as an audit"),
        pytest.param(("--no-controls",), [], True, id="none"),
        pytest.param(
            ("--control", "class_targeted:8:300", "--control", "random"),
            [(search_pb2.CONTROL_CLASS_TARGETED, 8, 300), (search_pb2.CONTROL_RANDOM, 0, 0)],
            False,
            id="named ones",
        ),
        pytest.param(
            ("--pixel-subsets", "100"), [(search_pb2.CONTROL_PIXEL_SUBSETS, 0, 100)], False, id="pixel subsets beside"
        ),
    ],
)
def test_an_ensemble_check_runs_the_controls_of_an_audit(served, run, options, controls, no_controls):
    served.watches = FAILING_WATCHES[:]

    result = run("ensemble", "check", "photos", "--member", "a", "--member", "b", "--quiet", *options)

    assert result.exit_code == 3, result.stderr
    asked = served.calls["CreateAudit"][0].audit.specification
    assert [(plan.control, plan.images, plan.passes) for plan in asked.controls] == controls
    assert asked.no_controls == no_controls
    assert [search.matched for search in asked.searches] == [False, True]


def test_images_become_a_data_set_named_after_their_folder_and_content(place, address, script):
    script.watches = FAILING_WATCHES[:]
    options = ("--quiet", "--seed", "7", "--passes", "100", "--level", "0.9", "--alpha", "0.1", "--no-reuse")
    with started(address, *options) as process:
        out, said = process.communicate(timeout=300)

    request = script.calls["CreateAudit"][0]
    assert process.returncode == 3
    assert (out, said) == ("", "modicum: it died on grey [MODEL_DIED]\n")
    assert script.calls["CreateDataset"][0].dataset_id.startswith("photos-")
    assert (request.no_reuse, request.audit.specification.seed) == (True, 7)
    assert request.audit.specification.searches[0].passes == 100
    statistics = request.audit.specification.statistics
    assert (statistics.level, statistics.alpha, statistics.HasField("ratio_limit")) == (0.9, 0.1, False)
