"""One served API for the folder, with two projects and what stands in them."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from modicum_server.domain.audits import Audit
from modicum_server.store.migrate import migrate
from playwright.sync_api import sync_playwright
from sqlalchemy import make_url

from tests import machine
from tests.openid_provider import CLIENT, SECRET, OpenIdProvider, running_provider
from tests.pages.browsing import ARGUMENTS, PATIENCE_MILLISECONDS, window_on
from tests.pages.pages_stage import ISSUER, OTHER, PROJECT, Scene, served
from tests.pages.reviewing import OpenReview, ReviewerBrowser
from tests.ports import free_port

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def scene(postgres_url: str) -> Iterator[Scene]:
    """An API whose store holds what `fill` puts there. Tests may add to it under names of their own."""
    with _peopled(postgres_url, trusted_issuers=(ISSUER, "https://gitlab.com")) as stage:
        stage.run(_fill(stage))
        stage.reviewed = _reviewed(stage)
        yield stage


@pytest.fixture(scope="module")
def empty_scene(postgres_url: str) -> Iterator[Scene]:
    """An API of a module's own, with projects and their people alone: what it adds is on no other test's page."""
    with _peopled(postgres_url) as stage:
        yield stage


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    """A provider at which people sign in. Whoever changes it puts it back."""
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def provided(postgres_url: str, provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An API with projects and their people, at which people can sign in at the provider, too."""
    port, secret = free_port(), tmp_path_factory.mktemp("client") / "secret"
    secret.write_text(SECRET)
    provider.redirect_uri = f"http://127.0.0.1:{port}/sign-in/callback"
    with _peopled(
        postgres_url,
        http_port=port,
        pages_url=f"http://127.0.0.1:{port}",
        sign_in_issuer=provider.address,
        sign_in_name="Octo",
        sign_in_client_id=CLIENT,
        sign_in_client_secret_file=secret,
        allow_private_issuers=True,
    ) as stage:
        yield stage


@contextmanager
def _peopled(postgres_url: str, **given: Any) -> Iterator[Scene]:
    """An API with two projects and the tokens of everybody, over a database of its own."""
    name = f"pages_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    migrate(url)
    folder = Path(tempfile.mkdtemp(prefix="mp-"))
    with served(url, folder, **given) as stage:
        stage.run(stage.people())
        yield stage
    shutil.rmtree(folder)


async def _fill(scene: Scene) -> None:
    """A model with a verdict and one without, audits in each state, and a project in which only eve has a role."""
    first, few = await scene.model(), await scene.dataset()
    good = await scene.audit("good", first, few)
    await scene.succeed(good)
    scene.pictured = (await scene.judge_with_spot(good)).name
    await scene.judge(good)
    await scene.succeed(await scene.audit("to-judge", await scene.model("judged"), await scene.dataset("judged")))
    await scene.fail(await scene.audit("broken", first, few, seed=1))
    await scene.begin(await scene.audit("going", first, few, seed=2))
    await scene.audit("queued", first, few, seed=3)
    hidden, theirs = await scene.model("hidden", OTHER), await scene.dataset("theirs", project=OTHER)
    kept = await scene.audit("kept", hidden, theirs)
    await scene.succeed(kept)
    await scene.judge(kept)


@pytest.fixture(scope="package")
def often_judged(scene: Scene) -> Audit:
    """An audit for verdicts by any policy: those on `good` stay what other tests expect to be the newest ones."""

    async def audited() -> Audit:
        name = "often-judged"
        audit = await scene.audit(name, await scene.model(name), await scene.dataset(name))
        await scene.succeed(audit)
        return await scene.services.use_cases.audits.get(scene.principals[PROJECT], audit.name)

    return scene.run(audited())


def _reviewed(scene: Scene) -> str:
    """A review in which somebody has begun to answer; returns its name."""
    asked = OpenReview.about(scene, f"{PROJECT}/audits/good")
    browser = ReviewerBrowser.of(scene, asked.link())
    for key in "102":
        browser.answer(browser.picture_id(), key)
    return asked.name


@pytest.fixture(scope="module")
def chromium():
    path = machine.chromium()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE_MILLISECONDS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, scene) -> Iterator:
    """A window of a browser in which nobody has signed in. What the security policy forbids fails the test."""
    window = window_on(chromium, scene)
    forbidden: list[str] = []
    window.on("console", lambda message: forbidden.append(message.text) if "Content Security" in message.text else None)
    window.on("pageerror", lambda error: forbidden.append(str(error)))
    yield window
    window.context.close()
    assert forbidden == []
