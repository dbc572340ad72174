// The frame with the desktop in it. Its page is of the same origin and may say anything: what is
// heard from it is text to show, never something to do beyond that.
//
// Events: "keys" (Ctrl+Alt+Shift: the bar wants them), "edge" (the pointer touches the upper
// edge), "touched" (somebody works in it), "clipboard" (`detail`: text), "upload" (`detail`),
// "picture" (`detail`: whether there is one), "ready" (its page is there), "again" (a page of its
// own accord came after that one).

const LONGEST_TEXT = 262144;

export class Stream extends EventTarget {
  constructor(frame) {
    super();
    this.frame = frame;
    this.next = frame.nextSibling; // what it stands before
    frame.addEventListener("load", () => this.#attach());
  }

  // The page within is loaded here and not with ours: only once nobody else has the stream.
  get mounted() {
    return this.frame.isConnected && this.frame.hasAttribute("src");
  }

  mount() {
    if (this.mounted) return;
    this.frame.src = this.frame.dataset.src;
    if (!this.frame.isConnected) this.next.before(this.frame);
  }

  // Its page ends, and with it all that it tries.
  remove() {
    this.frame.remove();
    this.frame.removeAttribute("src");
    this.attached = null;
  }

  send(message) {
    this.frame.contentWindow?.postMessage(message, location.origin);
  }

  focus() {
    this.frame.focus();
    this.frame.contentWindow?.focus();
  }

  // In the click itself: only then do telephones show their keyboard.
  showKeyboard() {
    const field = this.#document()?.getElementById("keyboard-input-assist");
    if (field) field.focus();
    else this.send({ type: "showVirtualKeyboard" });
  }

  #document() {
    try {
      return this.frame.contentDocument;
    } catch {
      return null;
    }
  }

  #attach() {
    const inner = this.#document() && this.frame.contentWindow;
    if (!inner || inner.location.href === "about:blank" || this.attached === inner.document) return;
    const again = this.attached;
    this.attached = inner.document;
    const early = { capture: true, passive: true };
    inner.addEventListener("keydown", (event) => isEscape(event) && this.#tell("keys"), early);
    inner.addEventListener("pointermove", (event) => this.#moved(event), early);
    inner.addEventListener("pointerdown", () => this.#tell("touched"), early);
    inner.addEventListener("message", (event) => event.source === inner && this.#heard(event.data));
    this.#tell("ready");
    if (again) this.#tell("again");
  }

  #moved(event) {
    // Whoever drags something along the edge does not mean the bar.
    if (event.clientY <= 1 && !event.buttons) this.#tell("edge");
  }

  #heard(said) {
    if (typeof said !== "object" || said === null) return;
    if (said.type === "clipboardContentUpdate" && typeof said.text === "string" && !said.secret)
      this.#tell("clipboard", said.text.slice(0, LONGEST_TEXT));
    else if (said.type === "fileUpload" && typeof said.payload === "object" && said.payload)
      this.#tell("upload", said.payload);
    else if (said.type === "pipelineStatusUpdate" && typeof said.video === "boolean")
      this.#tell("picture", said.video);
    else if (said.type === "toggleDashboard") this.#tell("keys");
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

export function isEscape(event) {
  const modifier = ["Control", "Alt", "Shift", "Meta"].includes(event.key);
  return modifier && event.ctrlKey && event.altKey && event.shiftKey;
}
