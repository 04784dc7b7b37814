/** What a key is to the rest of Hawser: data, or something that signs. */

/** A public key of any type; `blob` is its SSH wire form (RFC 4253 §6.6) and all that identifies it. */
export interface PublicKey {
  /** The type name inside the blob, such as `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`. */
  readonly type: string
  readonly blob: Uint8Array
  readonly comment?: string
}

/**
 * Something that signs for a public key: a private key in memory, an agent, a hardware module, a service.
 * `sign` gives an SSH signature blob (RFC 4253 §6.6: string algorithm, string signature), and may wait.
 */
export interface Signer {
  readonly publicKey: PublicKey
  /** Signature algorithms it can use, best first: `rsa-sha2-512`, `rsa-sha2-256` for an RSA key. */
  readonly algorithms: readonly string[]
  sign(algorithm: string, data: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** A private key held in memory. Its values are not properties: inspection and JSON show the public key only. */
export interface PrivateKey extends Signer {
  readonly comment: string
  /** Overwrites the private values with zeros, as far as they are ours to overwrite; the key cannot sign afterwards. */
  dispose(): void
}

/** Whether `signature` (a signature blob) is `key`'s over `data` by exactly `algorithm`. Never throws for peer input. */
export type VerifySignature = (
  key: PublicKey,
  algorithm: string,
  data: Uint8Array,
  signature: Uint8Array,
) => boolean
