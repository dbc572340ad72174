// The other windows of this browser on the same desktop. The gateway decides which one has the
// stream; here they only tell each other at once that there is a new one. To the gateway all of
// them are one session, so whoever lost it must be gone before the new one's page connects.
//
// The desktop's own page can speak here, too. All it gets is that a window looks at the state.

// Nobody is made to wait for a moment that is far ahead.
const AHEAD_AT_MOST_MS = 5000;

export class Windows {
  constructor(state, stream) {
    this.state = state;
    this.channel = new BroadcastChannel("atelier-windows");
    this.channel.addEventListener("message", (event) => {
      const { opened, at } = event.data ?? {};
      if (typeof opened !== "string" || opened === state.window || !Number.isFinite(at)) return;
      if (state.elsewhere) return;
      stream.remove();
      state.doubt(Math.min(at, state.now + AHEAD_AT_MOST_MS));
    });
  }

  // This window was just given the stream; its state is of that moment.
  announce() {
    const { elsewhere, now } = this.state.current;
    if (!elsewhere && this.state.window)
      this.channel.postMessage({ opened: this.state.window, at: Date.parse(now) });
  }
}
