"use strict";

// Each form sends its operation to this server, with the token of the page. The token is kept nowhere.
const MOST_SHOWN = 100000;

const filled = (form, place) =>
  [...form.elements].filter((field) => field.dataset.in === place && (place === "path" || field.value !== ""));

function addressOf(form) {
  let path = form.dataset.path;
  for (const field of filled(form, "path")) path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
  const query = new URLSearchParams(filled(form, "query").map((field) => [field.name, field.value])).toString();
  return query ? `${path}?${query}` : path;
}

function requestOf(form) {
  const headers = { Authorization: `Bearer ${document.getElementById("token").value}` };
  const body = form.elements.body?.value;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return { method: form.dataset.verb, headers, body, credentials: "omit", cache: "no-store" };
}

function readable(text) {
  try {
    text = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // not JSON: shown as it came
  }
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}\n… ${text.length - MOST_SHOWN} more characters` : text;
}

async function send(form) {
  const shown = form.querySelector("output");
  const address = addressOf(form);
  shown.dataset.state = "sent";
  shown.textContent = "sending …";
  try {
    const response = await fetch(address, requestOf(form));
    const text = await response.text();
    shown.textContent = `${form.dataset.verb} ${address}\n${response.status} ${response.statusText}\n\n${readable(text)}`;
  } catch (error) {
    shown.textContent = `${form.dataset.verb} ${address}\nnothing came back: ${error.message}`;
  }
  shown.dataset.state = "came";
}

for (const hidden of document.querySelectorAll("[data-needs-script]")) hidden.hidden = false;
for (const form of document.querySelectorAll("form[data-path]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}
