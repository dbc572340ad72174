// The bar comes and goes. On a phone it stays: there it covers nothing.

const STAYS_MS = 3000;

export class Sliding {
  constructor(bar, handle, isBusy) {
    this.bar = bar;
    this.handle = handle;
    this.isBusy = isBusy; // something of the bar's is open
    this.phone = matchMedia("(max-width: 720px)");
    this.over = false;
    bar.addEventListener("pointerenter", () => (this.over = true));
    bar.addEventListener("pointerleave", () => {
      this.over = false;
      this.stay();
    });
    bar.addEventListener("focusout", () => this.stay());
    handle.addEventListener("click", () => this.show({ focus: true }));
    this.phone.addEventListener("change", () => this.show());
    document.addEventListener("pointermove", (event) => event.clientY <= 1 && this.show());
  }

  show({ focus = false } = {}) {
    this.bar.inert = false;
    this.bar.classList.remove("away");
    this.handle.hidden = true;
    if (focus) this.focus();
    this.stay();
  }

  focus() {
    [...this.bar.querySelectorAll("button, a")].find((one) => one.checkVisibility())?.focus();
  }

  // For a while from now on, or until whoever uses it has gone.
  stay() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#maybeHide(), STAYS_MS);
  }

  #maybeHide() {
    if (this.over || this.isBusy() || this.bar.contains(document.activeElement)) this.stay();
    else this.hide();
  }

  hide() {
    clearTimeout(this.timer);
    if (this.phone.matches) return;
    this.over = false;
    this.bar.inert = true;
    this.bar.classList.add("away");
    this.handle.hidden = false;
  }
}
