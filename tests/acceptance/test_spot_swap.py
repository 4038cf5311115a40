"""A spot of one picture tried on another, over the pages, a worker and TorchServe."""

import html
import re

import pytest

from tests.acceptance.acceptance_running import eventually
from tests.acceptance.acceptance_stage import ARCHITECTURE
from tests.pages.pages_stage import PlainBrowser

MODEL = ("--weights", "w.safetensors", "--architecture", ARCHITECTURE, "--input", "input.toml")
QUICK = ("--threshold", 0.9, "--passes", 40, "--no-controls")


@pytest.mark.long
def test_two_versions_say_what_they_see_when_a_spot_is_pasted(server, place):
    for model in ("tried-one", "tried-two"):
        registered = place.run("modicum", "models", "create", model, *MODEL, "--class-labels", "labels.txt", "--json")
        assert registered.code == 0, registered.messages
    assert place.run("modicum", "datasets", "create", "tried", "photos", "--json").code == 0
    audits = []
    for model in ("tried-one", "tried-two"):
        begun = place.run("modicum", "audits", "create", "--model", model, "--dataset", "tried", *QUICK, "--json")
        audits.append(begun.document["name"])
        assert place.run("modicum", "audits", "watch", audits[-1]).code == 0
    host = server.http.removeprefix("http://")
    browser = PlainBrowser(int(host.rpartition(":")[2]), host)
    assert browser.sign_in(server.token).status == 303

    both = browser.get(f"/projects/default/side-by-side?left={audits[0]}&right={audits[1]}").text
    form = html.unescape(re.search(r'href="(/projects/default/new-swap[^"]+)"', both)[1])
    page = browser.get(form).text
    typed = dict(re.findall(r'<input id="(\w+)" name="\w+" value="(\d+)"', page))
    other = re.search(r'<option value="([0-9a-f]{64})"', page)[1]
    swap = browser.send(form, form, other=other, **typed).headers["Location"]

    ended = eventually(lambda: ended_text(browser, swap))
    confidences = [float(one) for one in re.findall(r"confidence in \w+: (?:&gt; )?([\d.]+)", ended)]
    assert "SUCCEEDED" in ended
    assert len(confidences) == 8
    assert confidences[0] > 0.5  # the class that the version sees in the picture with the spot
    assert confidences[::2] == confidences[1::2]  # both versions have the same weights


def ended_text(browser: PlainBrowser, swap: str) -> str:
    """Return the page of a swap once it asks for no more news; empty before."""
    text = browser.get(swap).text
    return "" if "every 2s" in text else text
