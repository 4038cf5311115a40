"""What the tests in a real browser share: the browser, who signs in, every page, and what axe-core objects to."""

from hashlib import sha256

from axe_playwright_python.sync_playwright import Axe

from tests.pages.pages_stage import POLICY, PROJECT, TOKENS, Scene

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PATIENCE_MILLISECONDS = 120_000
OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true;"

PAGES = (
    "",
    "/needs",
    "/audits",
    "/audits/good",
    "/audits/going",
    "/audits/queued",
    "/audits/broken",
    "/audits/good/judge",
    "/audits/good/new-review",
    "/verdicts",
    "/models",
    "/models/tiny",
    "/models/tiny/versions/1",
    "/datasets",
    "/datasets/few",
    "/artifacts",
    "/new-audit",
    "/policies",
    "/swaps",
    "/members",
    "/tokens",
    "/trust",
    "/holds",
    "/retention",
    f"/erase?dataset={PROJECT}/datasets/few&item=cat/0.png",
    "/trail",
    "/words",
    "/audits/none",
    f"/side-by-side?left={PROJECT}/audits/good&right={PROJECT}/audits/good",
)
"""Below the project, with the same address in each scene; one is not there."""


def every_page(scene: Scene) -> list[str]:
    """The addresses of all pages: of each kind one."""
    return [f"/{PROJECT}{path}" for path in PAGES] + [
        f"/{scene.pictured}",
        f"/{scene.reviewed}",
        f"/{PROJECT}/policies/{sha256(POLICY.encode()).hexdigest()}",
        "/projects",
        "/review",
    ]


def window_on(chromium, scene: Scene, **look):
    """A window of its own, in which nobody has signed in. Whoever opens it closes its context."""
    context = chromium.new_context(base_url=f"http://127.0.0.1:{scene.http_port}", **look)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    return context.new_page()


def widths_of(pictures) -> list[int]:
    """The widths of pictures in pixels, once each is drawn. A browser loads some only where they can be seen."""
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
    return pictures.evaluate_all(
        "all => Promise.all(all.map(one => one.decode())).then(() => all.map(one => one.naturalWidth))"
    )


def sign_in(page, who: str = "ada") -> None:
    page.goto("/sign-in")
    page.get_by_label("Token").fill(TOKENS[who])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/{PROJECT}")


def objections(page) -> list:
    """What axe-core objects to on a page once all is opened: the address, a rule, and the elements that break it."""
    page.evaluate(OPEN_ALL)
    found = Axe().run(page).response["violations"]
    return [(page.url, one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def faults_of_look(page) -> list[str]:
    """What is wrong with how a page looks: wider than the window, weak texts, not one heading and one main part."""
    wide = [] if page.evaluate("document.documentElement.scrollWidth <= innerWidth") else ["wider than the window"]
    counts = {name: page.locator(name).count() for name in ("h1", "main")}
    return wide + page.evaluate(WEAK_TEXTS) + [f"{count} {name}" for name, count in counts.items() if count != 1]


#: Texts whose contrast with what lies behind them is below 4.5, as WCAG AA asks of text of this size.
WEAK_TEXTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const weak = [];
  const walker = document.createTreeWalker(document.querySelector('body'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest('svg, .skip')) continue;
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) weak.push(`${walker.currentNode.data.trim()} ${contrast.toFixed(2)}`);
  }
  return weak;
}"""
