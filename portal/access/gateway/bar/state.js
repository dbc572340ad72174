// What the gateway tells of this desktop, asked for again and again, and the verbs it takes.
//
// Events: "change" (there is a newer state), "lost" (nobody answers; `retryAt` says when it is
// tried again), "found", "denied" (this person may not be here any more, or it is gone).

const EVERY_MS = 5000;
const UNSEEN_EVERY_MS = 30000;
const ANSWERS_WITHIN_MS = 6000;
const RETRY_MS = [5000, 10000, 15000, 30000];
// While something happens: it is soon over, and somebody waits for it.
const HURRIED_MS = 1000;
const HURRIED_LOOKS = 10;
const AWAITED_MS = 2000; // a desktop that comes back
const ENDS = { 401: "denied", 403: "denied", 404: "deleted" };

export class State extends EventTarget {
  constructor() {
    super();
    this.retryAt = 0;
    this.denied = ""; // "denied" or "deleted", for good
    this.elsewhere = null; // {who}: another window took the stream, and keeps it
    this.doubtedAt = 0; // another window said so, at that moment of the server's clock
    this.hurried = 0;
    this.failures = 0;
    this.asking = null;
    this.timer = 0;
    this.#take(JSON.parse(document.getElementById("state").textContent));
    this.window = this.current.window ?? ""; // what the gateway calls this window
    window.addEventListener("online", () => this.look());
    window.addEventListener("offline", () => this.look());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  // The server's clock, which every moment in a state is told by.
  get now() {
    return Date.now() + this.ahead;
  }

  get lost() {
    return this.failures > 0;
  }

  // Until an answer that is newer than that word: nobody reaches for the stream meanwhile.
  get doubted() {
    return this.doubtedAt > 0;
  }

  doubt(moment) {
    this.doubtedAt = Math.max(this.doubtedAt, moment);
    this.hurry();
  }

  // The next looks come soon after one another.
  hurry() {
    this.hurried = HURRIED_LOOKS;
    this.look();
  }

  start() {
    this.#tell("change");
    this.#again(EVERY_MS);
  }

  look() {
    this.asking ??= this.#ask().finally(() => (this.asking = null));
    return this.asking;
  }

  // Whether it was done; the state that follows is told by "change".
  async act(verb) {
    try {
      const answer = await fetch(`/__gw/${verb}`, {
        method: "POST",
        signal: AbortSignal.timeout(2 * ANSWERS_WITHIN_MS),
      });
      if (!answer.ok) return false;
      this.#take(await answer.json());
    } catch {
      return false;
    }
    this.#tell("change");
    return true;
  }

  async #ask() {
    clearTimeout(this.timer);
    if (this.denied) return;
    let wait = document.hidden ? UNSEEN_EVERY_MS : EVERY_MS;
    try {
      const asked = this.window ? `/__gw/state?window=${this.window}` : "/__gw/state";
      const answer = await fetch(asked, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
      if (answer.ok) this.#take(await answer.json());
      // A gateway of an earlier version does not know the address: that is no word of the desktop.
      const known = answer.status !== 404 || (await answer.text()).startsWith("denied");
      this.denied = known ? (ENDS[answer.status] ?? "") : "";
      // Any answer shows that the way is there; 503 is a portal that rests, not a desktop that does.
      if (this.lost) this.#found();
      if (answer.ok) this.#tell("change");
      if (this.denied) return this.#tell("denied");
    } catch {
      wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
      this.retryAt = Date.now() + wait;
      this.#tell("lost");
    }
    if (!this.lost && !document.hidden) {
      if (this.current.returns) wait = AWAITED_MS;
      if (this.hurried > 0) wait = HURRIED_MS;
      this.hurried--;
    }
    this.#again(wait);
  }

  #found() {
    this.failures = 0;
    this.#tell("found");
  }

  #take(told) {
    this.current = told;
    this.ahead = Date.parse(told.now) - Date.now() || 0;
    // It stays so until somebody presses the button: windows do not take turns by themselves.
    if (told.elsewhere) this.elsewhere = told.elsewhere;
    if (Date.parse(told.now) > this.doubtedAt) this.doubtedAt = 0;
  }

  #again(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), wait);
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
