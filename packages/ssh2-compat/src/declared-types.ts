/** Names that @types/ssh2 has and this package needs for nothing itself: programs name them. */

import type { AgentKey } from './agent-protocol.ts'
import type { ParsedKey } from './keys.ts'
import type { AuthenticationType, EncryptedPrivateKey, VerifyCallback } from './types.ts'

/** Names of algorithms; for one that is not supported the error lists those that are. */
export type KexAlgorithm = string
export type ServerHostKeyAlgorithm = string
export type CipherAlgorithm = string
export type MacAlgorithm = string
export type CompressionAlgorithm = string
/** The name of a key's type, such as `ssh-ed25519`. */
export type KeyType = string

/** What all shapes of an authentication method have. */
export interface AuthMethod {
  type: AuthenticationType
  username?: string
}

/** What `hostVerifier` may be: with `hostHash` it gets the digest, else the key; it answers by callback or at once. */
export type SyncHostVerifier = (key: Buffer) => boolean
export type HostFingerprintVerifier = (fingerprint: string, verify: VerifyCallback) => boolean
export type SyncHostFingerprintVerifier = (fingerprint: string) => boolean

/** A key with a comment, in a list of identities. */
export type PublicKeyEntry = Extract<AgentKey, { readonly pubKey: unknown }>
export type PrivateKeys = (Buffer | ParsedKey | EncryptedPrivateKey | string)[]
