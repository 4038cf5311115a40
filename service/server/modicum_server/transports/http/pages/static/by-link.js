// A link to this page carries a secret after "#", which a browser never sends by itself. It is taken out of the address
// and sent once, as a form.
"use strict";
const secret = location.hash.slice(1);
if (secret) {
  history.replaceState(null, "", location.pathname);
  const form = document.getElementById("by-link");
  form.elements.link.value = secret;
  form.submit();
}
