/** What a client tries and what a server is asked: the vocabulary of both machines. */

import { type PublicKey, plainAlgorithm, type Signer } from '@hawser/keys'

/** RFC 4252 §5: the service that a login leads to. */
export const connectionService = 'ssh-connection'

/** The methods that this package knows. */
export const methodNames = ['none', 'password', 'publickey', 'keyboard-interactive', 'hostbased'] as const
export type MethodName = (typeof methodNames)[number]

/** One question of a keyboard-interactive round. */
export interface Prompt {
  readonly prompt: string
  /** Whether the answer may be shown while it is typed. */
  readonly echo: boolean
}

/** One try of a client. `login` is a user name in place of the login's own: servers then forget what was achieved before (RFC 4252 §5). `none` (§5.2) is also the way to learn which methods the server takes. */
export type Attempt = { readonly login?: string } & (
  | { readonly method: 'none' }
  /** RFC 4252 §8; text is sent as UTF-8. */
  | { readonly method: 'password'; readonly password: string | Uint8Array }
  /** RFC 4252 §7 */
  | {
      readonly method: 'publickey'
      readonly signer: Signer
      /** Asks whether the key would do before anything is signed. Default true. */
      readonly probe?: boolean
      /** In place of the choice from `signer.algorithms` and what the server announced. */
      readonly algorithm?: string
    }
  /** RFC 4256 */
  | { readonly method: 'keyboard-interactive'; readonly submethods?: readonly string[] }
  /** RFC 4252 §9: `signer` is the key of the host `host`, on which `user` is at home. */
  | {
      readonly method: 'hostbased'
      readonly signer: Signer
      readonly host: string
      readonly user: string
    }
)

/** How a try ended, when not with success. */
export type AttemptOutcome =
  | 'refused'
  /** The server did not want the key; nothing was signed. */
  | 'key-refused'
  /** It succeeded, and the server wants another method too. */
  | 'partial'
  /** Ended on our side: nothing to sign with, no answer to a question. */
  | 'given-up'

/** One try that has ended without success; never holds a secret. */
export interface AttemptRecord {
  readonly method: string
  /** The signature algorithm, for publickey and hostbased. */
  readonly algorithm?: string
  /** The key that was offered, and its fingerprint where somebody has worked it out. */
  readonly key?: PublicKey
  readonly fingerprint?: string
  readonly outcome: AttemptOutcome
  /** Why, in words. */
  readonly reason: string
  /** What was thrown when the signature or the answers could not be had. */
  readonly cause?: unknown
  /** What the server said could continue afterwards. */
  readonly methodsLeft: readonly string[]
  /** The server counted it as one success of several. */
  readonly partial: boolean
}

/** What every request of a client says. */
interface RequestBase {
  readonly user: string
  readonly service: string
  /** User or service are others than in the request before: nothing that was achieved counts any more (RFC 4252 §5). */
  readonly reset: boolean
}

/** One request of a client, as the application of a server sees it. */
export type AuthRequest = RequestBase &
  (
    | { readonly method: 'none' }
    | {
        readonly method: 'password'
        readonly password: string
        /** As it came, for passwords that are not UTF-8. */
        readonly passwordBytes: Uint8Array
        /** The client wants to change it: accept only after both were checked and the change was made. */
        readonly newPassword?: string
      }
    | (SignedRequest & {
        readonly method: 'publickey'
        /** False: a query whether the key would do. Accepting it says yes; it authenticates nobody. */
        readonly signed: boolean
        /** The client has named this connection's host key, and signed that, too (`publickey-hostbound-v00@openssh.com`). */
        readonly hostbound: boolean
      })
    | {
        readonly method: 'keyboard-interactive'
        readonly submethods: readonly string[]
        readonly language: string
      }
    | (SignedRequest & {
        readonly method: 'hostbased'
        readonly signed: true
        readonly hostName: string
        readonly clientUser: string
      })
  )

interface SignedRequest {
  readonly key: PublicKey
  /** The signature algorithm, such as `rsa-sha2-512`. */
  readonly algorithm: string
  /** The signature is there and has been checked. Always so for signed requests unless `verifySignatures` is false. */
  readonly verified: boolean
  /** The signature blob, and what it must be over; absent in queries. */
  readonly signature?: Uint8Array
  readonly signedData?: Uint8Array
}

/** The key type that a signature algorithm is for (RFC 8332 §3: `rsa-sha2-*` are for `ssh-rsa` keys; OpenSSH PROTOCOL.u2f: `webauthn-sk-*` for `sk-*`). */
export function keyTypeOf(algorithm: string): string {
  const rsa = /^rsa-sha2-(?:256|512)(-cert-v01@openssh\.com)?$/.exec(algorithm)
  return rsa === null ? algorithm.replace(/^webauthn-(?=sk-)/, '') : `ssh-rsa${rsa[1] ?? ''}`
}

/** The algorithm name inside a signature made by `algorithm`: certificates sign by the name of their plain key. */
export function signatureNameOf(algorithm: string): string {
  return plainAlgorithm(algorithm)
}
