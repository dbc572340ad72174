// Sends the ticket on at once; without this script there is a button. A ticket works only once, so
// whoever comes back to this page by the browser's history is sent to nothing stale.
"use strict";
window.addEventListener("pageshow", (event) => {
  const form = document.getElementById("handover");
  if (!event.persisted) form.submit();
});
