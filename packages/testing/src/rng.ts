/** A seeded source of bytes and choices, so that a random test is the same test every time. */

/** Numbers from xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32. Never for secrets. */
export class Rng {
  readonly seed: number
  #a: number
  #b: number
  #c: number
  #d: number

  /** `seed`: a number, or a text that is hashed to one; the same seed gives the same sequence. */
  constructor(seed: number | string) {
    this.seed = typeof seed === 'number' ? seed >>> 0 : hashText(seed)
    const next = splitmix32(this.seed)
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next()
  }

  /** The next 32 bits as an unsigned number. */
  uint32(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotate(this.#d, 11)
    return result
  }

  /** A whole number from 0 up to, not including, `limit` (1 to 2^32). */
  below(limit: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * limit)
  }

  /** A whole number from `least` up to and including `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True in `probability` (0 to 1) of the cases. */
  chance(probability: number): boolean {
    return this.uint32() / 0x1_0000_0000 < probability
  }

  /** `length` bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.fill(bytes)
    return bytes
  }

  /** Overwrites all of `bytes`; has the shape that a crypto backend wants for its random source. */
  fill(bytes: Uint8Array): void {
    let at = 0
    for (; at + 4 <= bytes.length; at += 4) {
      const word = this.uint32()
      bytes[at] = word
      bytes[at + 1] = word >>> 8
      bytes[at + 2] = word >>> 16
      bytes[at + 3] = word >>> 24
    }
    for (let word = this.uint32(); at < bytes.length; at++, word >>>= 8) bytes[at] = word
  }

  /** One element of a list that must not be empty. */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('cannot pick from an empty list')
    return list[this.below(list.length)] as T
  }

  /** The elements of `list` in another order; `list` stays as it is. */
  shuffle<T>(list: readonly T[]): T[] {
    const mixed = [...list]
    for (let at = mixed.length - 1; at > 0; at--) {
      const other = this.below(at + 1)
      const held = mixed[at] as T
      mixed[at] = mixed[other] as T
      mixed[other] = held
    }
    return mixed
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function splitmix32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
