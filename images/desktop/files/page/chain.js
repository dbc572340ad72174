// What proves which file an upload belongs to: the chain of SHA-256 over its blocks (uploads.py).
// The page is at home in a secure context alone (its cookie is a __Host- one), so there is crypto.
export const BLOCK = 8 * 1024 * 1024;

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

// The file on this computer cannot be read, or is not the one any more that was chosen.
export class Unreadable extends Error {}

export class Chain {
  constructor(file) {
    this.file = file;
    this.known = [new Uint8Array(0)]; // over so many whole blocks
  }

  async read(begin, end) {
    try { return await this.file.slice(begin, end).arrayBuffer(); } catch (error) { throw new Unreadable(error.name); }
  }

  async digest(piece) { return hex(await sha256(piece)); }

  // Tells it from other files of its name.
  async key() {
    const first = await this.digest(await this.read(0, Math.min(BLOCK, this.file.size)));
    return this.digest(new TextEncoder().encode(`${this.file.size} ${this.file.lastModified} ${first}`));
  }

  // Over everything before `end`.
  async before(end, tell = () => {}) {
    const whole = Math.floor(end / BLOCK);
    while (this.known.length <= whole) {
      const at = this.known.length - 1;
      this.known.push(await this.#link(this.known[at], at * BLOCK, (at + 1) * BLOCK));
      tell(this.known.length - 1, whole);
    }
    return hex(end % BLOCK ? await this.#link(this.known[whole], whole * BLOCK, end) : this.known[whole]);
  }

  // Reads it all once more: a browser may not notice that a file changes while it is sent.
  async still(end) { return (await new Chain(this.file).before(end)) === (await this.before(end)); }

  async #link(chain, begin, end) {
    const block = await sha256(await this.read(begin, end));
    const both = new Uint8Array(chain.length + block.length);
    both.set(chain);
    both.set(block, chain.length);
    return sha256(both);
  }
}
