"""Documents, policies and calls for tests of verdicts."""

import json
from datetime import timedelta

from modicum_server.usecases.judging import AskedPolicy
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.reports import ReportFormat
from modicum_server.usecases.request_ids import CreateOptions

from tests.gate.documents import CLEAN, document, place, row, share
from tests.usecases.usecases_stage import AUDITOR, PROJECT, TODAY, VIEWER

REQUEST_ID = "123e4567-e89b-12d3-a456-426614174000"


PLAIN = "version: 1\n"


ACCURACY = "version: 1\nrules:\n  spot: off\n  accuracy: {level: error, min: 0.8}\n"


WAIVED = f"""version: 1
rules: {{spot: off, accuracy: {{min: 0.99}}}}
waivers: [{{rule: accuracy, reason: known, owner: us, expires: "{TODAY + timedelta(days=9)}"}}]
"""


COMPARED = """version: 1
baseline: {file: main.json}
rules: {spot: off, accuracy: {max_regression: 0.05}, subset-fraction: {level: warn, min_ratio_to_baseline: 0.8}}
"""


DOCUMENTS = {
    "clean": document({"accuracy": share(180, 200)}),
    "planted": document({"accuracy": share(100, 200)}, spots=(CLEAN[0], row(0, place((20, 0)), label="cat"), CLEAN[2])),
    "open": document({"accuracy": share(160, 200)}, spots=(CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2])),
}


async def judged(place, name, policy=PLAIN, principal=AUDITOR, *, baseline="", file="", version="", **options):
    asked = AskedPolicy(policy, file, baseline, version)
    return await place.judging.judge(principal, name, asked, CreateOptions(**options))


async def bytes_of(place, digest):
    return b"".join([part async for part in place.artifacts.download(VIEWER, f"{PROJECT}/artifacts/{digest}", 0)])


async def report_of(place, audit):
    report = await place.reports.render(VIEWER, audit, ReportFormat.JSON)
    return json.loads(b"".join([piece async for piece in report.pieces]))


async def count(place):
    return len((await place.verdicts.page(VIEWER, PROJECT, "", PageRequest())).rows)
