// Puts the bar together: what is seen of the state, and what its buttons do.

import { clipboard } from "./clipboard.js";
import { Files } from "./files.js";
import { Panels } from "./panels.js";
import { quality } from "./quality.js";
import { Sliding } from "./sliding.js";
import { State } from "./state.js";
import { isEscape, Stream } from "./stream.js";
import { Notices, toast } from "./toasts.js";
import { Veil } from "./veil.js";
import { Windows } from "./windows.js";
import { aloud, clock, length, show, showIf, size, t } from "./words.js";

const TOLD_AT_MIN = [15, 5, 1];
const HURRIES_S = 300;

const bar = document.getElementById("bar");
const state = new State();
const stream = new Stream(document.getElementById("stream"));
const panels = new Panels();
const sliding = new Sliding(bar, document.getElementById("handle"), () => panels.open !== "");
const does = {};
const files = new Files(does, toast);
const notices = new Notices();
const veil = new Veil(state, stream, { extend, stop });
const windows = new Windows(state, stream);
let told = Infinity; // minutes left when it was last said aloud
let runsSince = ""; // of what was last seen running here

clipboard(stream, does);
quality(stream);

// --- What it shows -------------------------------------------------------------------------------

function shown() {
  const { name, status, cost, apps, may, idle, open, since } = state.current;
  document.title = `${name} · Atelier`;
  document.body.dataset.status = status;
  show("name", name);
  show("cost", cost ? cost.so_far : t("preview"));
  show("rate", cost ? t("an_hour", { price: cost.hour }) : "");
  document.querySelector(".cost").classList.toggle("preview", !cost);
  showIf("stop", may.stop);
  showIf("extend", Boolean(idle) && may.extend);
  showIf("idle", Boolean(idle));
  const app = apps[0];
  showIf("app", Boolean(app));
  if (app) {
    show("app", app.title);
    const link = document.querySelector("[data-show=app-link]");
    link.title = t("opens_from_page", { app: app.title });
  }
  notices.update(state.current.notices);
  if (open) cameBack(since);
  tick();
}

// It died and was brought back, perhaps between two looks: its picture has to begin anew, and
// whatever was open in it has ended.
function cameBack(since) {
  if (runsSince && since !== runsSince) {
    stream.remove();
    toast(t("came_back"), { stays: true });
  }
  runsSince = since;
}

function tick() {
  const { status, since, idle, open } = state.current;
  const runs = status === "running" && since;
  const time = runs ? length((state.now - Date.parse(since)) / 1000) : "";
  show("status", runs ? t("running_for", { time }) : t(status));
  if (idle && open) {
    const left = (Date.parse(idle.stops_at) - state.now) / 1000;
    show("stops-clock", clock(left));
    document.querySelector(".idle").classList.toggle("hurries", left < HURRIES_S);
    const mark = TOLD_AT_MIN.filter((minutes) => left <= minutes * 60).at(-1) ?? Infinity;
    if (mark < told) aloud(t("stops_in", { time: length(left) }));
    told = mark;
  }
  veil.update();
  if (veil.asks) sliding.show();
}

for (const event of ["change", "found"]) state.addEventListener(event, shown);
for (const event of ["lost", "denied"])
  state.addEventListener(event, () => {
    panels.close();
    veil.update();
  });
setInterval(tick, 1000);

// --- What it does --------------------------------------------------------------------------------

async function stop() {
  const done = await state.act("stop");
  if (!done) show("stop-said", t("stop_failed"));
  else panels.close();
  if (!done && panels.open !== "stop") toast(t("stop_failed"), { stays: true });
  state.look();
}

async function extend() {
  if (!(await state.act("extend"))) toast(t("extend_failed"), { stays: true });
}

does.stop = stop;
does.extend = extend;
does.close = () => panels.close({ back: true });
does.hide = () => {
  panels.close();
  sliding.hide();
  stream.focus();
};
does.keys = () => stream.showKeyboard();
does["full-screen"] = async () => {
  panels.close();
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen({ navigationUI: "hide" });
    // Escape then belongs to the desktop's programs; held down, it still leads out.
    if (document.fullscreenElement) await navigator.keyboard?.lock?.(["Escape"]);
  } catch {
    // Refused by the browser: the window stays as it is.
  }
  stream.focus();
};

document.addEventListener("click", (event) => {
  const name = event.target.closest?.("[data-does]")?.dataset.does;
  if (name) does[name]?.();
});
document.addEventListener("fullscreenchange", () => {
  show("full-screen", t(document.fullscreenElement ? "leave_full_screen" : "full_screen"));
});

panels.addEventListener("open", (event) => {
  sliding.show();
  show("stop-said", "");
  show("clip-said", "");
  if (event.detail === "files") files.look();
});
panels.addEventListener("close", () => sliding.stay());

// --- Keys, and the way between bar and desktop ---------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (isEscape(event)) sliding.show({ focus: true });
  else if (event.key === "Escape" && !veil.shown) {
    if (panels.open) panels.close({ back: true });
    else stream.focus();
  } else if (bar.contains(event.target)) along(event);
});

// The arrows walk along the bar, as in every toolbar.
function along(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tools = [...bar.querySelectorAll("button, a")].filter((one) => one.checkVisibility());
  const at = tools.indexOf(document.activeElement) + step;
  tools.at(at % tools.length)?.focus();
  event.preventDefault();
}

stream.addEventListener("keys", () => veil.shown || sliding.show({ focus: true }));
stream.addEventListener("edge", () => sliding.show());
stream.addEventListener("touched", () => {
  panels.close();
  sliding.stay();
});
stream.addEventListener("ready", takeKeys);
// A page that loads itself anew has lost its desktop, or is shown another page in its place.
stream.addEventListener("again", () => state.hurry());
// A picture that ends may be a connection that broke, or a desktop that stops: ask at once.
stream.addEventListener("picture", (event) => {
  if (!event.detail) document.hidden ? state.look() : state.hurry();
});
stream.addEventListener("upload", (event) => {
  const { status, fileName, fileSize } = event.detail;
  const file = String(fileName).slice(0, 120);
  if (status === "end") toast(t("uploaded", { file, size: size(Number(fileSize) || 0) }));
  if (status === "error") toast(t("upload_failed", { file }), { stays: true });
});

// The desktop has the keys from the start, unless somebody was quicker.
function takeKeys() {
  if (stream.attached && document.activeElement === document.body) stream.focus();
}

sliding.show();
windows.announce();
state.start();
takeKeys();
