// The desktop's clipboard as text, to read, to copy, and to send something there.

import { show, t } from "./words.js";

export function clipboard(stream, does) {
  const field = document.getElementById("clip");
  stream.addEventListener("clipboard", (event) => {
    if (document.activeElement !== field) field.value = event.detail;
    show("clip-said", "");
  });
  does["clip-send"] = () => {
    stream.send({ type: "clipboardUpdateFromUI", text: field.value });
    show("clip-said", t("clip_sent"));
  };
  does["clip-copy"] = async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      show("clip-said", t("clip_copied"));
    } catch {
      show("clip-said", t("clip_refused"));
      field.select();
    }
  };
}
