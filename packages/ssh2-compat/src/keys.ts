/** ssh2's `utils.parseKey`: keys as objects with PEM and SSH forms, signing and checking, over @hawser/keys. */

import {
  type Certificate,
  certificateAlgorithm,
  certificateSigner,
  certificateVerifier,
  createVerifier,
  formatPrivateKey,
  formatPublicKey,
  isCertificate,
  KeyError,
  type PrivateKey,
  type PublicKey,
  parseCertificate,
  parsePrivateKey,
  parsePublicKey,
  plainAlgorithm,
  publicKeyFromBlob,
  type Signer,
  type VerifySignature,
} from '@hawser/keys'
import { equal } from '@hawser/wire'
import { algorithmFor, fromBlob, hashOf, rememberedAlgorithm, toBlob } from './signatures.ts'

/** Checks signatures by every algorithm there is, the old ones too; those of certificates by the key in them. */
export const verifySignature: VerifySignature = (...signed) => {
  verifier ??= certificateVerifier(createVerifier(undefined, { insecure: true, minRsaBits: 1024 }))
  return verifier(...signed)
}
let verifier: VerifySignature | undefined

/** A key of one file. It also answers `[0]` and `length`, since files of the 0.8 line gave a list of one. */
export class ParsedKey {
  /** The SSH name of the key's type, such as `ssh-ed25519`. */
  readonly type: string
  readonly comment: string
  readonly #public: PublicKey
  readonly #private: PrivateKey | undefined

  constructor(key: PublicKey | PrivateKey) {
    this.#private = 'publicKey' in key ? key : undefined
    this.#public = 'publicKey' in key ? key.publicKey : key
    this.type = this.#public.type
    this.comment = key.comment ?? ''
  }

  /** @deprecated The key itself. */
  get 0(): this {
    return this
  }

  /** @deprecated Always 1. */
  get length(): 1 {
    return 1
  }

  isPrivateKey(): boolean {
    return this.#private !== undefined
  }

  /** The public key's wire form (RFC 4253 §6.6). */
  getPublicSSH(): Buffer {
    return Buffer.from(this.#public.blob)
  }

  /** SubjectPublicKeyInfo as PEM, without a line end at its end; of the key in a certificate. Throws for security keys, which have none. */
  getPublicPEM(): string {
    const key = isCertificate(this.#public) ? parseCertificate(this.#public).key : this.#public
    return formatPublicKey(key, { format: 'pem' }).trimEnd()
  }

  /** The private key as PEM in its customary form, without a line end at its end; null for a public key, which the type does not say. */
  getPrivatePEM(): string {
    if (this.#private === undefined) return untold(null)
    const format = this.type === 'ssh-ed25519' ? 'pkcs8' : 'pem'
    return formatPrivateKey(this.#private, { format }).trimEnd()
  }

  /** Signs; gives an Error for a public key, which the type does not say. `hash` chooses RSA's hash, SHA-1 without it. */
  sign(data: string | Uint8Array, hash?: string): Buffer {
    if (this.#private === undefined) return untold(new Error('No private key available'))
    try {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data
      const blob = this.#private.sign(algorithmFor(this.type, hash), bytes)
      if (!(blob instanceof Uint8Array)) return untold(new Error('this key cannot sign without waiting'))
      return fromBlob(blob)
    } catch (error) {
      return untold(error)
    }
  }

  /**
   * Whether `signature` is this key's, or, for a certificate, that of the key in it: what the certificate says is not looked at.
   * Signatures from a server's `ctx` need no `hash`. An Error for what cannot be checked: compare with `true`, since an Error is truthy.
   */
  verify(data: string | Uint8Array, signature: Uint8Array, hash?: string): boolean | Error {
    try {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data
      const type = plainAlgorithm(this.type)
      const algorithm =
        hash === undefined
          ? (rememberedAlgorithm(signature) ?? algorithmFor(type, undefined))
          : algorithmFor(type, hash)
      const blob = toBlob(algorithm, signature)
      const name = type === this.type ? algorithm : certificateAlgorithm(algorithm)
      return blob !== undefined && verifySignature(this.#public, name, bytes, blob)
    } catch (error) {
      return error as Error
    }
  }

  /** Whether both are the same key; a private key differs from its public half. */
  equals(other: unknown): boolean {
    const key = other instanceof ParsedKey ? other : parseKey(other as string)
    return (
      key instanceof ParsedKey &&
      key.isPrivateKey() === this.isPrivateKey() &&
      key.type === this.type &&
      equal(key.#public.blob, this.#public.blob)
    )
  }

  /** For this package: what signs in the protocol, by algorithms that are not broken unless `insecure`. */
  static signer(key: ParsedKey, insecure: boolean): Signer | undefined {
    const own = key.#private
    if (own === undefined) return undefined
    return {
      publicKey: own.publicKey,
      algorithms: own.algorithms.filter((name) => insecure || name !== 'ssh-rsa'),
      // A program may have put a function of its own in the place of `sign`.
      sign: (algorithm, data) =>
        Object.hasOwn(key, 'sign') ? signedBy(key, algorithm, data) : own.sign(algorithm, data),
    }
  }
}

/** What the declarations that programs are written against do not tell of: with their types both kinds of programs compile. */
function untold<T>(value: unknown): T {
  return value as T
}

/** Throws what `key.sign` gives in place of a signature. */
function signedBy(key: ParsedKey, algorithm: string, data: Uint8Array): Uint8Array {
  const signature: unknown = key.sign(data, hashOf(algorithm))
  const blob = signature instanceof Uint8Array ? toBlob(algorithm, signature) : undefined
  if (blob === undefined)
    throw signature instanceof Error ? signature : new Error('the key gave no signature')
  return blob
}

/** Reads a private or public key in any format; gives an Error, and throws none, for what cannot be read. */
export function parseKey(
  data: string | Uint8Array | ParsedKey,
  passphrase?: string | Uint8Array,
): ParsedKey | Error {
  if (data instanceof ParsedKey) return data
  if (typeof data !== 'string' && !(data instanceof Uint8Array))
    return new Error('Key data must be a Buffer or string')
  try {
    return new ParsedKey(readKey(data, passphrase))
  } catch (error) {
    return parseError(error)
  }
}

function readKey(
  data: string | Uint8Array,
  passphrase: string | Uint8Array | undefined,
): PublicKey | PrivateKey {
  const text = typeof data === 'string' ? data : Buffer.from(data).toString('latin1')
  if (/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----|^PuTTY-User-Key-File-/m.test(text))
    return parsePrivateKey(data, {
      insecure: true,
      minRsaBits: 1024,
      ...(passphrase === undefined ? {} : { passphrase }),
    })
  // A raw blob starts with the length of its type's name.
  const isBlob = typeof data !== 'string' && data[0] === 0 && data[1] === 0
  const key = isBlob ? publicKeyFromBlob(data) : parsePublicKey(data)
  if (isCertificate(key)) parseCertificate(key) // throws for a malformed one
  return key
}

/** The words that programs look for, and ours behind them. */
function parseError(error: unknown): Error {
  const code = error instanceof KeyError ? error.code : ''
  const words = (error as Error).message
  if (code === 'SSH_KEY_PASSPHRASE_NEEDED')
    return new Error('Encrypted private key detected, but no passphrase given', { cause: error })
  if (code === 'SSH_KEY_PASSPHRASE_WRONG') return new Error(`Bad passphrase? ${words}`, { cause: error })
  return new Error(`Unsupported key format: ${words}`, { cause: error })
}

/** A private key from an option called `what`. Throws for anything else. */
export function parsePrivate(
  data: string | Uint8Array | ParsedKey,
  passphrase: string | Uint8Array | undefined,
  what: string,
): ParsedKey {
  const key = parseKey(data, passphrase)
  if (key instanceof Error) throw new Error(`Cannot parse ${what}: ${key.message}`, { cause: key })
  if (!key.isPrivateKey()) throw new Error(`${what} value does not contain a (valid) private key`)
  return key
}

/** What signs with `key` in the protocol. */
export function keySigner(key: ParsedKey, o: { readonly insecure?: boolean } = {}): Signer {
  const signer = ParsedKey.signer(key, o.insecure === true)
  if (signer === undefined) throw new Error('a private key is needed to sign')
  return signer
}

/** A certificate from an option called `what`: the text of its file, or its wire form. Throws for anything else. */
function readCertificate(data: string | Uint8Array, what: string): Certificate {
  const key = parseKey(data)
  if (key instanceof Error) throw new Error(`Cannot parse ${what}: ${key.message}`, { cause: key })
  const blob = key.getPublicSSH()
  if (key.isPrivateKey() || plainAlgorithm(key.type) === key.type)
    throw new Error(`${what} value is a ${key.type} key, and no certificate`)
  return parseCertificate(new Uint8Array(blob))
}

/** `signer` with its certificate for people or machines. Throws for one of the other kind, or of another key. */
export function withCertificate(
  signer: Signer,
  data: string | Uint8Array,
  kind: Certificate['kind'],
  what = 'certificate',
): Signer {
  const certificate = readCertificate(data, what)
  if (certificate.kind !== kind)
    throw new Error(
      `${what} value is a certificate for a ${certificate.kind} where one for a ${kind} is needed`,
    )
  return certificateSigner(signer, certificate)
}
