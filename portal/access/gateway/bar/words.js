// Everything the bar says, in the language of the page; the table is words.json.

const table = JSON.parse(document.getElementById("words").textContent);

export function t(key, values = {}) {
  return table[key].replace(/\{(\w+)\}/g, (slot, name) => (name in values ? values[name] : slot));
}

// What counts: 0:46, 2:17:51.
export function clock(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, left] = [whole / 3600, (whole % 3600) / 60, whole % 60].map(Math.floor);
  return hours ? `${hours}:${two(minutes)}:${two(left)}` : `${minutes}:${two(left)}`;
}

// A length in words: 46 s, 12 min, 2 h 17 min, 3 d 4 h.
export function length(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return t("seconds", { s: whole });
  if (whole < 3600) return t("minutes", { min: Math.floor(whole / 60) });
  const days = Math.floor(whole / 86400);
  if (days) return t("days", { d: days, h: Math.floor((whole % 86400) / 3600) });
  return t("hours", { h: Math.floor(whole / 3600), min: Math.floor((whole % 3600) / 60) });
}

export function size(bytes) {
  let number = bytes;
  for (const unit of ["B", "KB", "MB", "GB"]) {
    if (number < 1024 || unit === "GB")
      return `${unit === "B" ? number : number.toFixed(number < 10 ? 1 : 0)} ${unit}`;
    number /= 1024;
  }
}

// Fills every place that shows this. Text only: names come from people, files from the desktop.
export function show(name, text) {
  for (const place of document.querySelectorAll(`[data-show="${name}"]`))
    if (place.textContent !== text) place.textContent = text;
}

export function showIf(name, wanted) {
  for (const place of document.querySelectorAll(`[data-if="${name}"]`)) place.hidden = !wanted;
}

// For those who listen; the same sentence twice is said once.
export function aloud(text) {
  const place = document.getElementById("aloud");
  if (place.textContent !== text) place.textContent = text;
}
