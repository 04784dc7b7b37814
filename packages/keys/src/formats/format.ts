/** What every format of private keys gives and needs. */

import type { Backend, PrivateKeyParts } from '@hawser/crypto'
import type { ArmouredBlock } from '../armour.ts'
import type { PublicKey } from '../key.ts'

/** A private key as read: the values are copies that the reader hands over. */
export interface ReadPrivate {
  readonly parts: PrivateKeyParts
  /** Empty where the format has none. */
  readonly comment: string
}

export interface ReadOptions {
  readonly backend: Backend
  /** Undefined or empty: none. */
  readonly passphrase: Uint8Array | undefined
  /** The most rounds of bcrypt that a file may ask for. */
  readonly maxKdfRounds: number
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
