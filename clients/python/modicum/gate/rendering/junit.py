"""A verdict as JUnit XML: a test case for each rule. INCONCLUSIVE is an error; a rule of level warn never fails."""

import re
from xml.etree import ElementTree as ET

from modicum.gate.rendering.words import Document, check_line, remarks, rule_line, tested

TAGS = {"FAIL": "failure", "INCONCLUSIVE": "error"}
#: Characters that XML 1.0 cannot hold.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(verdict: Document) -> bytes:
    """Return the document."""
    suite = ET.Element("testsuite", name="modicum gate", timestamp=_text(str(verdict["result"]["created"]).rstrip("Z")))
    for rule in verdict["rules"]:
        _case(suite, verdict, rule)
    for text in verdict["expired_waivers"]:
        case = ET.SubElement(suite, "testcase", classname=_text(verdict["policy"]["file"]), name="waivers", time="0")
        ET.SubElement(case, "failure", message=_text(text), type="FAIL").text = _text(text)
    ET.SubElement(suite, "system-out").text = _text("\n".join([verdict["summary"], *remarks(verdict)]))
    for name, tag in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
        suite.set(name, str(len(suite.findall(tag))))
    suites = ET.Element("testsuites", {name: suite.get(name, "0") for name in ("tests", "failures", "errors")})
    suites.append(suite)
    return b"<?xml version='1.0' encoding='utf-8'?>\n" + bytes(ET.tostring(suites, encoding="utf-8"))


def _case(suite: ET.Element, verdict: Document, rule: Document) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=_text(verdict["policy"]["file"]), name=_text(rule["id"]), time="0"
    )
    lines = [rule["title"], rule_line(rule), tested(rule), *map(check_line, rule["checks"])]
    tag = TAGS.get(rule["outcome"]) if rule["level"] == "error" else None
    if tag is None:
        ET.SubElement(case, "system-out").text = _text("\n".join([rule["outcome"], *lines]))
    else:
        found = ET.SubElement(case, tag, message=_text(rule_line(rule)), type=rule["outcome"])
        found.text = _text("\n".join(lines))


def _text(text: str) -> str:
    return FORBIDDEN.sub("\ufffd", text)
