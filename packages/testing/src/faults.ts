/** A script of what goes wrong on a line, at an exact byte or after an exact message. */

import { UsageError } from '@hawser/wire'
import type { Gate, Passage } from './pipes.ts'

type Role = 'client' | 'server'

/** When it happens. Bytes count from 0 and from the start of the connection. */
export type FaultPoint =
  /** Before this byte reaches that end. */
  | { readonly atByte: number }
  /**
   * Once that end has read so many (`count`, default 1) messages, of the name `message` if one is given: the RFC's name in our case,
   * such as `kexInit`, `newKeys`, `userauthSuccess`, `channelData`. `skip` lets so many bytes more pass first; default 0.
   */
  | { readonly after: { readonly message?: string; readonly count?: number }; readonly skip?: number }

export type FaultEffect =
  /** Both ends see the line close; with an error as if it had been reset. */
  | { readonly effect: 'cut'; readonly error?: Error }
  /** Nothing more reaches that end, and nobody is told. */
  | { readonly effect: 'silence' }
  /** What follows reaches that end so many milliseconds later, by the clock of the pair. */
  | { readonly effect: 'delay'; readonly ms: number }
  /** The byte is changed: by an exclusive or with `mask`, default 1. */
  | { readonly effect: 'tamper'; readonly mask?: number }

/** One thing that goes wrong, once, in the bytes on their way to `toward`. */
export type Fault = { readonly toward: Role } & FaultPoint & FaultEffect

/** A fault with what is known of its place. */
interface Pending {
  readonly fault: Fault
  /** The byte at which it happens; undefined until its messages have been read. */
  at: number | undefined
  /** Messages still to come. */
  left: number
}

/** Carries out a script. One instance serves one line, whose ends are `a`, the client, and `b`, the server. */
export class FaultScript implements Gate {
  #pending: readonly Pending[]
  readonly #passed = { client: 0, server: 0 }

  /** Throws {@link UsageError} for faults that could never happen. */
  constructor(faults: readonly Fault[]) {
    this.#pending = faults.map((fault, index) => {
      check(fault, `faults[${index}]`)
      return 'atByte' in fault
        ? { fault, at: fault.atByte, left: 0 }
        : { fault, at: undefined, left: fault.after.count ?? 1 }
    })
  }

  /** What has not happened yet. */
  get pending(): readonly Fault[] {
    return this.#pending.map(({ fault }) => fault)
  }

  /** That end has read a message. */
  saw(role: Role, message: string): void {
    for (const pending of this.#pending) {
      const { fault } = pending
      if (pending.at !== undefined || fault.toward !== role || 'atByte' in fault) continue
      if (fault.after.message !== undefined && fault.after.message !== message) continue
      if (--pending.left === 0) pending.at = this.#passed[role] + (fault.skip ?? 0)
    }
  }

  pass(piece: Uint8Array, to: 'a' | 'b'): Passage {
    const role = to === 'a' ? 'client' : 'server'
    const mine = this.#pending.filter(({ fault }) => fault.toward === role)
    const from = this.#passed[role]
    const due = mine
      .filter(({ at }) => at !== undefined && at < from + piece.length)
      .sort((one, other) => (one.at as number) - (other.at as number))[0]
    // Where one message ends and the next begins is only known to who reads them: byte by byte, then.
    const length = mine.some(({ at }) => at === undefined) ? 1 : piece.length
    if (due === undefined || (due.at as number) >= from + length) return this.#whole(piece, length, role)
    const before = (due.at as number) - from
    this.#pending = this.#pending.filter((other) => other !== due)
    const { fault } = due
    if (fault.effect !== 'tamper') {
      this.#passed[role] += before
      return { now: piece.subarray(0, before), rest: piece.subarray(before), after: fault }
    }
    const changed = piece.slice()
    changed[before] = (changed[before] as number) ^ (fault.mask ?? 1)
    // There may be more faults in the same piece.
    return this.pass(changed, to)
  }

  #whole(piece: Uint8Array, length: number, role: Role): Passage {
    this.#passed[role] += length
    return { now: piece.subarray(0, length), rest: piece.subarray(length) }
  }
}

function check(fault: Fault, where: string): void {
  const natural = (name: string, value: unknown, least = 0): void => {
    if (!Number.isSafeInteger(value) || (value as number) < least)
      throw new UsageError(
        `${where}: ${name} is ${String(value)}; it must be a whole number from ${least} up`,
      )
  }
  if (fault.toward !== 'client' && fault.toward !== 'server')
    throw new UsageError(`${where}: toward is ${String(fault.toward)}; it must be client or server`)
  if ('atByte' in fault === 'after' in fault)
    throw new UsageError(`${where}: give either atByte or after, to say when it happens`)
  if ('atByte' in fault) natural('atByte', fault.atByte)
  else {
    natural('after.count', fault.after.count ?? 1, 1)
    natural('skip', fault.skip ?? 0)
  }
  if (fault.effect === 'delay') natural('ms', fault.ms)
  if (fault.effect === 'tamper') {
    natural('mask', fault.mask ?? 1, 1)
    if ((fault.mask ?? 1) > 255) throw new UsageError(`${where}: mask is ${fault.mask}; it must fit a byte`)
  }
}
