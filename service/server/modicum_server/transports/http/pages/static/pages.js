// What pages do beyond htmx: buttons that copy commands, a frame as high as its report, and events that an audit has news.
"use strict";
function addCopyButtons(root) {
  for (const code of root.querySelectorAll("[data-copy]:not([data-has-button])")) {
    code.dataset.hasButton = "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    code.closest("pre").after(button);
  }
}
if (navigator.clipboard) {
  addCopyButtons(document);
  document.addEventListener("htmx:load", (event) => addCopyButtons(event.detail.elt.parentNode ?? document));
}

// A page that can be seen listens for events. One that is hidden closes its stream, because a browser opens few
// connections to a server. Where there is no stream, the page asks every two seconds.
const POLL_MILLISECONDS = 2000;
const OPEN_MILLISECONDS = 8000;
let stream = null;
let polling = null;
const listening = () => document.querySelector("[data-events]");
function askForNews() {
  const part = listening();
  if (part) htmx.trigger(part, "news");
}
function closeStream() {
  if (stream) stream.close();
  stream = null;
}
function poll() {
  closeStream();
  polling ??= setInterval(askForNews, POLL_MILLISECONDS);
}
function listen() {
  const part = listening();
  if (!part || stream || polling || document.hidden) return;
  if (!window.EventSource) { poll(); return; }
  const opened = new EventSource(part.dataset.events);
  stream = opened;
  opened.addEventListener("news", askForNews);
  opened.addEventListener("end", () => { closeStream(); askForNews(); });
  opened.addEventListener("error", () => { if (opened.readyState === EventSource.CLOSED) poll(); else askForNews(); });
  setTimeout(() => { if (stream === opened && opened.readyState !== EventSource.OPEN) poll(); }, OPEN_MILLISECONDS);
}
document.addEventListener("visibilitychange", () => { if (document.hidden) closeStream(); else listen(); });
listen();

// A report runs in a sandbox without an origin. It tells its height in pixels, and where a link within it leads.
const HIGHEST_PIXELS = 200000;
window.addEventListener("message", (event) => {
  const frame = document.querySelector("iframe.report");
  if (!frame || event.source !== frame.contentWindow) return;
  const { height, top } = event.data?.report ?? {};
  if (Number.isFinite(height) && height > 0) frame.style.height = `${Math.min(Math.ceil(height) + 2, HIGHEST_PIXELS)}px`;
  if (Number.isFinite(top)) window.scrollTo({ top: frame.getBoundingClientRect().top + window.scrollY + top });
});
