// Pages about people: six boxes for a code, "Copy and fill in", "send again in 0:28".
// Every form works without it.
(() => {
  "use strict";

  // --- Six boxes. The field itself stays: it lies over the boxes, invisible, and takes the keys ---
  const BOX = "flex h-14 w-[52px] items-center justify-center rounded-field border bg-base-100 text-[24px] font-semibold tabular-nums max-sm:w-auto max-sm:flex-1";
  for (const input of document.querySelectorAll("input[data-code]")) {
    const wrong = input.getAttribute("aria-invalid") === "true";
    const frame = document.createElement("div");
    frame.className = "relative";
    const row = document.createElement("div");
    row.className = "flex gap-2.5";
    row.setAttribute("aria-hidden", "true");
    const boxes = Array.from({ length: 6 }, (_unused, place) => {
      const box = document.createElement("span");
      box.className = BOX;
      if (place === 3) box.classList.add("ml-3");
      row.append(box);
      return box;
    });
    input.before(frame);
    frame.append(row, input);
    input.className = "absolute inset-0 size-full cursor-text opacity-0";
    const draw = () => {
      const digits = input.value;
      const here = document.activeElement === input ? Math.min(digits.length, 5) : -1;
      boxes.forEach((box, place) => {
        box.textContent = digits[place] ?? "";
        box.classList.toggle("border-error", wrong);
        box.classList.toggle("border-2", wrong);
        box.classList.toggle("border-edge", !wrong);
        for (const ring of ["outline-2", "outline-primary", "outline-offset-2"]) box.classList.toggle(ring, place === here);
      });
    };
    input.addEventListener("input", () => {
      const digits = input.value.replace(/\D/g, "").slice(0, 6);
      if (digits !== input.value) input.value = digits;
      draw();
    });
    for (const moment of ["focus", "blur"]) input.addEventListener(moment, draw);
    draw();
    input.focus();
  }

  // --- The mailbox beside the form ----------------------------------------------------------------
  for (const button of document.querySelectorAll("[data-fill]")) {
    const input = document.querySelector("input[data-code]");
    if (!input) continue;
    button.hidden = false;
    button.addEventListener("click", () => {
      navigator.clipboard?.writeText(button.dataset.fill).catch(() => {});
      input.value = button.dataset.fill;
      input.dispatchEvent(new Event("input"));
      input.form.querySelector("button").focus();
    });
  }

  // --- Sending again is possible after a while ----------------------------------------------------
  for (const button of document.querySelectorAll("[data-wait]")) {
    const words = button.textContent;
    const until = Date.now() + Number(button.dataset.wait) * 1000;
    const look = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      button.disabled = left > 0;
      const time = `0:${String(Math.max(left, 0)).padStart(2, "0")}`;
      button.textContent = left > 0 ? button.dataset.waitWords.replace("{time}", time) : words;
      if (left > 0) setTimeout(look, 250);
    };
    look();
  }
})();
