// The page of a reviewer. A key presses the button that names it.
"use strict";
// A picture is answered once, and only when it can be seen: a key that was pressed twice says nothing of the next one,
// and one that could not be loaded does not say "nothing there".
const picture = document.querySelector(".looked-at");
let answered = false;
addEventListener("pageshow", () => { answered = false; });
document.getElementById("answer")?.addEventListener("submit", (event) => {
  if (answered || !picture.complete || picture.naturalWidth === 0) event.preventDefault();
  else answered = true;
});
function tellFailure() {
  document.getElementById("not-loaded").hidden = false;
}
picture?.addEventListener("error", tellFailure);
if (picture?.complete && picture.naturalWidth === 0) tellFailure();
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !/^[0-9a-z]$/i.test(event.key)) return;
  document.querySelector(`#answer button[data-key="${event.key.toLowerCase()}"]`)?.click();
});
