/** What every format of private keys gives and needs. */

import type { Backend } from '@hawser/crypto'
import type { ArmouredBlock } from '../armour.ts'
import type { PublicKey } from '../key.ts'
import type { PrivateParts } from '../key-types/index.ts'

/** A private key as read: the values are copies that the reader hands over. */
export interface ReadPrivate {
  readonly parts: PrivateParts
  /** Empty where the format has none. */
  readonly comment: string
}

export interface ReadOptions {
  readonly backend: Backend
  /** Undefined or empty: none. */
  readonly passphrase: Uint8Array | undefined
  /** What a file may ask for, at most. */
  readonly maxKdfRounds: number
  readonly maxKdfIterations: number
  readonly maxKdfMemory: number
  readonly maxKdfWork: number
}

/** A row of the table of armoured private formats (parse.ts). */
export interface PrivateFormat {
  /** For people, and `KeyError.format`. */
  readonly name: string
  readonly label: string
  /** Throws KeyError. */
  read(block: ArmouredBlock, options: ReadOptions): ReadPrivate
  /** The public half where it can be had without a passphrase; undefined where only `read` gives it. Throws KeyError. */
  readPublic?(block: ArmouredBlock): PublicKey
}
