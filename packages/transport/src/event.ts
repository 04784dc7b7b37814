/** What a transport tells whoever drives it. */

import type { PublicKey } from '@hawser/keys'
import type { Ident } from './ident.ts'
import type { Negotiated } from './negotiate.ts'

export type TransportEvent =
  /** The peer's identification, and the lines that a server sent before it. */
  | { readonly type: 'ident'; readonly remote: Ident; readonly greeting: readonly string[] }
  /**
   * Client: the server has proved that it holds `key` (its SSH wire form). Answer: `acceptHostKey` or
   * `rejectHostKey`. Asked at each key exchange; `changed`: it is not the key that was accepted before.
   */
  | {
      readonly type: 'ask-host-key'
      readonly algorithm: string
      readonly key: Uint8Array
      readonly publicKey: PublicKey
      readonly first: boolean
      readonly changed: boolean
    }
  /** Server: sign `data` with `hostKey` by `algorithm`. Answer: `provideSignature` or `failSignature`. */
  | {
      readonly type: 'ask-signature'
      readonly hostKey: PublicKey
      readonly algorithm: string
      readonly data: Uint8Array
    }
  /** New keys are in use both ways; `first` is false after a rekey. */
  | { readonly type: 'keys'; readonly negotiated: Negotiated; readonly first: boolean }
  /** The answer to a ping of ours, or one that nobody asked for. */
  | { readonly type: 'pong'; readonly data: Uint8Array }
  /** RFC 8308 extensions of the peer. */
  | { readonly type: 'ext-info'; readonly extensions: ReadonlyMap<string, Uint8Array> }
  /** A message for a higher layer: numbers 5, 6 and 50 and up. `payload` belongs to the receiver. */
  | { readonly type: 'message'; readonly payload: Uint8Array; readonly seq: number }
  /** The end: the last event. */
  | {
      readonly type: 'disconnect'
      readonly by: 'local' | 'remote'
      readonly reason: number
      readonly description: string
    }
