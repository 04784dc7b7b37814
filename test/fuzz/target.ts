/** What a target of the fuzzer is, and what it demands of the code that it runs. */

import { ProtocolError, UsageError } from '@hawser/wire'

export interface Target {
  readonly name: string
  /** Packages under packages/ whose coverage is told. */
  readonly packages: readonly string[]
  /** One try, decided by `seed` alone. Throws, or rejects, for a finding. */
  readonly run: (seed: number) => void | Promise<void>
}

/** The code under test did what it must never do. */
export class Finding extends Error {}

export function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Finding(what)
}

/** Runs `work`; gives the ProtocolError that it throws. Any other error is a finding. */
export function protocolErrorOf(work: () => void): ProtocolError | undefined {
  try {
    work()
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
  return undefined
}

/** Runs a verb that may be out of turn: UsageError is then the right answer, any other error a finding. */
export function outOfTurn<T>(verb: () => T): T | undefined {
  try {
    return verb()
  } catch (error) {
    if (error instanceof UsageError) return undefined
    throw error
  }
}

/** Everything that `next` gives, at most `most`: more is work without end. */
export function* bounded<T>(next: () => T | undefined, most: number, what: string): Generator<T> {
  for (let count = 0; ; count++) {
    const value = next()
    if (value === undefined) return
    demand(count < most, `${what}: more than ${most} in one go`)
    yield value
  }
}
