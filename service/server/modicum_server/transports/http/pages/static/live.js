// What is told of the parts of a page that follow by themselves: that they could not be updated, and, to who listens to
// the page instead of looking at it, how far they are.
"use strict";
const RETRY_MILLISECONDS = 5000;
const opened = Date.now();
const updated = new Map(); // by part: when it was last updated
const failing = new Map(); // by part: whether it is tried again
const retries = new Map();
const partOf = (detail) => (detail.pathInfo?.requestPath ?? "").split("?")[0];
const clock = (time) => `${new Date(time).toISOString().slice(11, 16)} UTC`;

function tellFailing() {
  const line = document.getElementById("not-updated");
  const since = Math.min(...[...failing.keys()].map((part) => updated.get(part) ?? opened));
  const next = [...failing.values()].every(Boolean) ? "; trying again" : ": load the page again";
  const text = failing.size ? `Not updated since ${clock(since)}${next}` : "";
  if (line.textContent !== text) line.textContent = text;
}

// What has a rhythm of its own is asked for again by it.
function retryLater(element, detail, seconds) {
  const part = partOf(detail);
  if (retries.has(part) || /every /.test(element.getAttribute("hx-trigger") ?? "")) return;
  const milliseconds = Math.max(RETRY_MILLISECONDS, 1000 * (Number(seconds) || 0));
  retries.set(part, setTimeout(() => {
    retries.delete(part);
    if (document.hidden) { retryLater(element, detail, 0); return; }
    const verb = detail.requestConfig.verb;
    if (!element.isConnected) return;
    htmx.ajax(verb, element.getAttribute(`hx-${verb}`), { source: element }).catch(() => {}); // failed() tells it
  }, milliseconds));
}

function failed(event) {
  const { elt, xhr } = event.detail;
  const status = xhr?.status ?? 0;
  const again = status === 0 || status === 408 || status === 429 || status >= 500;
  failing.set(partOf(event.detail), again);
  tellFailing();
  if (again) retryLater(elt, event.detail, xhr?.getResponseHeader("Retry-After"));
}
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failed);
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return;
  updated.set(partOf(event.detail), Date.now());
  failing.delete(partOf(event.detail));
  tellFailing();
});

// A line is heard when it changes. It is about steps, so that it does not speak at each picture.
const heardNow = () => document.querySelector("[data-heard]")?.dataset.heard ?? "";
let heard = heardNow();
document.addEventListener("htmx:afterSettle", () => {
  const said = heardNow();
  if (!said || said === heard) return;
  heard = said;
  document.getElementById("heard").textContent = said;
});
