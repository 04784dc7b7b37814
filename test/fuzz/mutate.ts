/** Changes of bytes that parsers fear most: flipped bits, lying lengths, cuts, repeats, splices. All by a seeded source. */

import type { Rng } from '@hawser/test-kit'
import { latin1Encode } from '@hawser/wire'

const numbers = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff] as const
const characters = latin1Encode('\n\r\t "\\\\=:,;-+/{}[]*?!#|@%\0\x7f\xff0A') as Uint8Array

/** A number of 32 bits: mostly small, now and then one at an edge. */
export function edge(rng: Rng): number {
  return rng.chance(0.7) ? rng.below(5) : rng.pick(numbers)
}

/** `bytes` with one change; `others` are what pieces may come from. */
export function changedOnce(bytes: Uint8Array, others: readonly Uint8Array[], rng: Rng): Uint8Array {
  if (bytes.length === 0) return rng.bytes(1 + rng.below(8))
  const at = rng.below(bytes.length)
  const copy = bytes.slice()
  switch (rng.below(10)) {
    case 0:
    case 1:
      ;(copy[at] as number) ^= 1 << rng.below(8)
      return copy
    case 2:
      copy[at] = rng.below(256)
      return copy
    case 3:
      copy[at] = characters[rng.below(characters.length)] as number
      return copy
    case 4: {
      // A length or count of four bytes, or of one.
      const value = numbers[rng.below(numbers.length)] as number
      if (at + 4 <= copy.length && rng.chance(0.5)) new DataView(copy.buffer).setUint32(at, value)
      else copy[at] = value & 0xff
      return copy
    }
    case 5:
      return bytes.slice(0, at)
    case 6: {
      const length = rng.below(Math.min(64, bytes.length - at) + 1)
      return joined(bytes.subarray(0, at), bytes.subarray(at + length))
    }
    case 7: {
      const length = 1 + rng.below(Math.min(64, bytes.length - at))
      return joined(bytes.subarray(0, at + length), bytes.subarray(at))
    }
    case 8: {
      const other = others[rng.below(others.length)] as Uint8Array
      return joined(bytes.subarray(0, at), other.subarray(rng.below(other.length + 1)))
    }
    default:
      return joined(bytes.subarray(0, at), rng.bytes(1 + rng.below(16)), bytes.subarray(at))
  }
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Makes up a whole message of the protocol, with fields at their edges. */
export type Grammar = (rng: Rng) => Uint8Array

/**
 * Stands between a peer that keeps to the protocol and the machine under test: messages are passed, changed, lost, doubled, put in
 * another order, sent again later, or joined by others that the grammar makes up.
 */
export class MessageMutator {
  readonly #rng: Rng
  readonly #grammar: Grammar
  readonly #rate: number
  /** Some of the ways only, others each time: what all of them together would end at once, one alone gets behind. */
  readonly #ways: readonly number[]
  readonly #seen: Uint8Array[] = []
  #held: Uint8Array | undefined
  /** Messages that were tampered with. */
  count = 0

  /** `rate`: the part of messages that something happens to, 0 to 1. */
  constructor(rng: Rng, grammar: Grammar, rate: number) {
    this.#rng = rng
    this.#grammar = grammar
    this.#rate = rate
    this.#ways = rng.shuffle([0, 1, 2, 3, 4, 5, 6]).slice(0, 1 + rng.below(7))
  }

  /** What is sent in place of `message`; the results are copies. */
  next(message: Uint8Array): Uint8Array[] {
    const rng = this.#rng
    const own = message.slice()
    if (this.#seen.length < 32) this.#seen.push(own)
    else this.#seen[rng.below(32)] = own
    const held = this.#held
    this.#held = undefined
    const later = held === undefined ? [] : [held]
    if (!rng.chance(this.#rate)) return [own, ...later]
    this.count++
    switch (rng.pick(this.#ways)) {
      case 0: {
        let changed: Uint8Array = own
        for (let count = 1 + rng.below(3); count > 0; count--) changed = changedOnce(changed, this.#seen, rng)
        return [changed, ...later]
      }
      case 1:
        return later
      case 2:
        return [own, own, ...later]
      case 3:
        this.#held = own
        return later
      case 4:
        return [own, rng.pick(this.#seen), ...later]
      case 5:
        return [this.#grammar(rng), own, ...later]
      default:
        return [own, this.#grammar(rng), ...later]
    }
  }
}
