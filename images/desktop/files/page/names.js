// Names are bytes. One that is no UTF-8 comes with each odd byte as a sign of its own, U+EF00 + the
// byte (names.py): as such it leads to its file, and as such nobody can read it.
const ODD = /[\uEF80-\uEFFF]/;

// Whether `readable` is a guess.
export const odd = (name) => ODD.test(name);

// As UTF-8, else as a Chinese Windows packs names, else with a mark for each odd byte.
export function readable(name) {
  if (!odd(name)) return name;
  const bytes = new Uint8Array([...name].flatMap((sign) =>
    ODD.test(sign) ? sign.charCodeAt(0) & 0xff : [...new TextEncoder().encode(sign)]));
  for (const encoding of ["utf-8", "gb18030"]) {
    try { return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes); } catch { /* the next one */ }
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

// For people: what could not be seen, or would turn other letters around, is written out.
export const shown = (name) => readable(name)
  .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (sign) => `[U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`)
  .replace(/^\s+|\s+$/g, (spaces) => "\u2423".repeat(spaces.length));

export const last = (path) => path.split("/").pop();

// Whether somebody can type it as it is shown.
export const typable = (name) => shown(name) === name;
