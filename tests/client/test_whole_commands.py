"""Commands from the words in a shell to their last line, against a service that follows a script."""

import json

import pytest
from PIL import Image

from tests.client.scripted_results import succeeded, unmeasured
from tests.client.test_exit_codes_through_pipes import ENSEMBLE
from tests.client.test_mitigation_results import CHECK

MODEL = "--weights w.safetensors --architecture torchvision:resnet18 --input imagenet --class-labels labels.txt"


def measured():
    """A document of one search whose only image could be measured and was not confident enough."""
    document = unmeasured()
    document["models"][0]["searches"][0]["counts"].update(failed=0, not_eligible=1)
    return document


@pytest.mark.long
def test_an_audit_names_the_files_that_it_skips_before_it_uploads_anything(shell, script, tmp_path):
    for name in ("notes.txt", "scan.pdf"):
        (tmp_path / "photos" / name).write_text("no picture")
    succeeded(script, measured())

    ended = shell(f"modicum audit photos {MODEL}")

    said = " ".join(ended.stderr.split())
    assert ended.returncode == 0, said
    assert "photos: 2 files are skipped: not images: notes.txt, scan.pdf" in said
    assert said.index("files are skipped") < said.index("uploading")


def test_one_picture_is_audited_by_its_name(shell, script, tmp_path):
    Image.new("RGB", (6, 4)).save(tmp_path / "cat.png")
    succeeded(script, measured())

    ended = shell(f"modicum audit cat.png {MODEL}")

    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "cat.png").read_bytes() in script.artifacts.values()
    assert "report: modicum audits report" in ended.stdout


def test_an_audit_says_how_many_boxes_are_left_out(shell, script, tmp_path):
    Image.new("RGB", (6, 4)).save(tmp_path / "cat.png")
    boxes = [{"image_id": 1, "bbox": [0, 0, 2, 2]}, {"image_id": 1, "bbox": [7, 0, 2, 2]}]
    images = [{"id": 1, "file_name": "cat.png", "width": 6, "height": 4}]
    (tmp_path / "instances.json").write_text(json.dumps({"images": images, "annotations": boxes}))
    succeeded(script, measured())

    ended = shell(f"modicum audit cat.png --boxes instances.json {MODEL}")

    said = " ".join(ended.stderr.split())
    assert "cat.png: 1 box of instances.json is left out: 1 outside their picture" in said


def test_the_check_of_an_ensemble_says_where_its_report_is(shell, script):
    succeeded(script, {"mitigation": [{**CHECK, "verdict": "MITIGATED"}]})

    *_, last = shell(f"modicum {ENSEMBLE}").stdout.splitlines()

    assert last == "report: modicum audits report a --output report.html"
