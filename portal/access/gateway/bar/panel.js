// Within the frame that watch.js made over an app's page: the same panel as over the desktop, and
// when it is seen. The app can do to it what it likes: this is information, not protection.

import { State } from "./state.js";
import { Veil } from "./veil.js";

const dialog = window.frameElement.parentElement;
const app = { mount() {}, remove() {}, focus() {} }; // it stays as it is, behind the panel
const state = new State();
const veil = new Veil(state, app, {});
let wasGone = false;

function update() {
  veil.update();
  const gone = state.denied || !state.current.open;
  // It died and is there again: what this page talked to is not.
  if (wasGone && !gone && !state.lost) return window.parent.location.reload();
  wasGone ||= gone;
  if (veil.shown) show();
  else if (dialog.open) dialog.close(); // gives the keys back to whatever had them
}

// Above all that the app shows, also what fills the screen; nothing behind can be reached.
function show() {
  if (dialog.open) return;
  dialog.showModal();
  window.frameElement.focus();
  document.querySelector("#veil .primary")?.focus();
}

dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("close", () => veil.shown && show());
for (const event of ["change", "found", "lost", "denied"]) state.addEventListener(event, update);
setInterval(update, 1000);
state.start();
