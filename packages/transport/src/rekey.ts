/** When new keys are due: by bytes and by packets, in either direction (RFC 4253 §9, RFC 4344 §3). */

import type { CipherAlgorithm } from '@hawser/crypto'
import { UsageError } from '@hawser/wire'

export interface RekeyLimits {
  /** Bytes of packets under one key, in one direction. Default 1 GiB (RFC 4253 §9); a cipher that asks for less gets it. */
  readonly bytes: number
  /** Packets under one key, in one direction. Default 2^31 (RFC 4344 §3.1). */
  readonly packets: number
}

const defaults: RekeyLimits = { bytes: 2 ** 30, packets: 2 ** 31 }

/** Packets under one key that are never passed: sequence numbers would come again (RFC 4344 §3.1). */
export const packetsPerKey = 2 ** 32

/** The wished limits with defaults for the rest. Throws {@link UsageError} for values that make no sense. */
export function rekeyLimits(wished: Partial<RekeyLimits> = {}): RekeyLimits {
  const limits = { ...defaults, ...wished }
  if (!(limits.bytes >= 1)) throw new UsageError(`rekey.bytes is ${limits.bytes}, at least 1 is needed`)
  if (!(limits.packets >= 1) || limits.packets > defaults.packets)
    throw new UsageError(`rekey.packets is ${limits.packets}, 1 to ${defaults.packets} are possible`)
  return limits
}

/** The limits for one cipher: its own advice wins where it is lower. */
export function limitsFor(limits: RekeyLimits, cipher: CipherAlgorithm): RekeyLimits {
  return { bytes: Math.min(limits.bytes, cipher.rekeyAfterBytes), packets: limits.packets }
}

/** Whether a direction that has carried `used` under its key needs a new one. */
export function rekeyDue(
  limits: RekeyLimits,
  used: { readonly bytes: number; readonly packets: number },
): boolean {
  return used.bytes >= limits.bytes || used.packets >= limits.packets
}
