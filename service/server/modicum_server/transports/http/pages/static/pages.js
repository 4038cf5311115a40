// What pages do beyond htmx: buttons that copy commands.
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
