// How much of the line the picture may take. The streamer remembers what it is told.

import { show, t } from "./words.js";

const LEVELS = {
  sharp: { jpeg_quality: 85, paint_over_jpeg_quality: 95, video_crf: 18, framerate: 60 },
  balanced: { jpeg_quality: 40, paint_over_jpeg_quality: 90, video_crf: 25, framerate: 60 },
  light: { jpeg_quality: 20, paint_over_jpeg_quality: 60, video_crf: 36, framerate: 20 },
};
const KEY = "atelier-quality";

export function quality(stream) {
  let chosen = "balanced"; // what the streamer starts with
  try {
    const kept = localStorage.getItem(KEY);
    if (kept in LEVELS) chosen = kept;
  } catch {
    // Storage may be forbidden; then it is chosen anew each time.
  }
  show("quality", t(chosen));
  for (const input of document.querySelectorAll("[name=quality]")) {
    input.checked = input.value === chosen;
    input.addEventListener("change", () => {
      stream.send({ type: "settings", settings: LEVELS[input.value] });
      show("quality", t(input.value));
      try {
        localStorage.setItem(KEY, input.value);
      } catch {
        // as above
      }
    });
  }
}
