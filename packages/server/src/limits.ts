/** How much strangers and users may ask of a server: pure arithmetic, with chance and clock passed in. */

import { defaultPenalties, type PenaltyLimits } from './penalties.ts'

/** Limits of a server. Times in milliseconds. */
export interface ServerLimits {
  /** From the connection to the login; OpenSSH's LoginGraceTime. Default 120,000; 0 is no limit. */
  readonly loginGraceMs: number
  /** Failed tries before the connection ends, questions whether a key would do counted as half; MaxAuthTries. Default 6. */
  readonly maxAuthTries: number
  /** `session` channels at once per connection; MaxSessions. Default 10. */
  readonly maxSessions: number
  /** Channels of any type at once per connection. Default 1,024. */
  readonly maxChannels: number
  /** Connections that are not logged in, over a whole listener; MaxStartups. Default 10:30:100. */
  readonly startups: StartupLimits
  /** How long addresses and networks that misbehave before the login are kept away from a listener; PerSourcePenalties. false: never. */
  readonly penalties: PenaltyLimits | false
  /** Bytes of environment that a session channel takes, names and values. Default 32 KiB. */
  readonly maxEnvironment: number
  /** Bytes of a command line. Default 256 KiB. */
  readonly maxCommand: number
  /** Refusals of a login leave at multiples of this after the request, so that they tell nothing by their time. Default 50. */
  readonly refusalStepMs: number
}

/** From `begin` connections on, `ratePercent` of new ones are dropped, growing to all of them at `full`. */
export interface StartupLimits {
  readonly begin: number
  readonly ratePercent: number
  readonly full: number
}

export const defaultLimits: ServerLimits = Object.freeze({
  loginGraceMs: 120_000,
  maxAuthTries: 6,
  maxSessions: 10,
  maxChannels: 1024,
  startups: Object.freeze({ begin: 10, ratePercent: 30, full: 100 }),
  penalties: defaultPenalties,
  maxEnvironment: 32 * 1024,
  maxCommand: 256 * 1024,
  refusalStepMs: 50,
})

/** The chance, from 0 to 1, that a new connection is dropped while `waiting` others are not logged in. */
export function dropChance(limits: StartupLimits, waiting: number): number {
  const { begin, ratePercent, full } = limits
  if (waiting < begin) return 0
  if (waiting >= full || ratePercent >= 100) return 1
  const rate = ratePercent / 100
  return rate + ((1 - rate) * (waiting - begin)) / (full - begin)
}

/** Counts the connections that are not logged in and says whether one more is taken. */
export class StartupGate {
  readonly #limits: StartupLimits
  readonly #random: () => number
  #waiting = 0

  /** `random` gives numbers from 0 up to, but not including, 1. */
  constructor(limits: StartupLimits, random: () => number) {
    this.#limits = limits
    this.#random = random
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Takes one more, or gives undefined when it must be dropped. Call what comes back once it is logged in or gone; more calls do nothing. */
  enter(): (() => void) | undefined {
    const chance = dropChance(this.#limits, this.#waiting)
    if (chance >= 1 || (chance > 0 && this.#random() < chance)) return undefined
    this.#waiting++
    let left = false
    return () => {
      if (left) return
      left = true
      this.#waiting--
    }
  }
}

/** How long to wait, `elapsedMs` after the request came, until the next multiple of `stepMs`. */
export function untilNextStep(elapsedMs: number, stepMs: number): number {
  if (stepMs <= 0) return 0
  return Math.max(1, Math.ceil(elapsedMs / stepMs)) * stepMs - elapsedMs
}
