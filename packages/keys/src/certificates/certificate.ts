/** Reads OpenSSH certificates (OpenSSH PROTOCOL.certkeys): a key, what it may be used for, and an authority's signature. */

import { ProtocolError, Reader, UsageError, utf8DecodeStrict } from '@hawser/wire'
import { KeyError, reading } from '../errors.ts'
import { readLine } from '../formats/openssh-line.ts'
import type { PublicKey } from '../key.ts'
import { publicKeyFromBlob } from '../public-blob.ts'
import { certificateTypeNamed, readPlainBlob } from './types.ts'

const format = 'OpenSSH certificate'

/** The `validBefore` of certificates without an end. */
export const forever = 0xffff_ffff_ffff_ffffn

/** As in OpenSSH. */
const mostPrincipals = 256
/** OpenSSH writes five; nobody needs as many. */
const mostOptions = 256
const mostCharacters = 1_048_576

/** A critical option or an extension. */
export interface CertificateOption {
  readonly name: string
  /** What stands behind the name; empty for options that are only there or not. */
  readonly data: Uint8Array
  /** The text in `data`, when that is one string of UTF-8. */
  readonly value?: string
}

export interface Certificate {
  /** The certificate as a key: its blob is the whole certificate, its type ends in `-cert-v01@openssh.com`. */
  readonly publicKey: PublicKey
  /** The key that is certified. */
  readonly key: PublicKey
  /** Who it speaks for: people who log in, or machines. */
  readonly kind: 'user' | 'host'
  readonly serial: bigint
  /** What the authority calls it: for logs and revocation. */
  readonly keyId: string
  /** Login names or host names. */
  readonly principals: readonly string[]
  /** Seconds since 1970; valid from here on, */
  readonly validAfter: bigint
  /** and until just before here; 2^64 - 1 is for ever. */
  readonly validBefore: bigint
  readonly criticalOptions: readonly CertificateOption[]
  readonly extensions: readonly CertificateOption[]
  /** The key of the authority. Whether it is trusted, and has signed this, is for {@link checkCertificate} to say. */
  readonly authority: PublicKey
  /** The signature blob, over all that stands in front of it. */
  readonly signature: Uint8Array
}

/** Whether a key is a certificate, by its type. */
export function isCertificate(key: PublicKey): boolean {
  return certificateTypeNamed(key.type) !== undefined
}

/**
 * Reads a certificate: the text of a `-cert.pub` file, the blob, or a key that came as one (over the wire, from an agent).
 * Nothing is believed yet: not the signature, not the authority, not the time. Throws {@link KeyError}.
 */
export function parseCertificate(data: string | Uint8Array | PublicKey): Certificate {
  if (typeof data === 'string') return readCertificate(readLine(onlyLine(data)))
  if (data instanceof Uint8Array) return readCertificate(publicKeyFromBlob(data))
  if (typeof data === 'object' && data !== null && data.blob instanceof Uint8Array)
    return readCertificate(publicKeyFromBlob(data.blob, data.comment))
  throw new UsageError('a certificate must be given as the text of its file, as bytes or as a PublicKey')
}

/** What the authority has signed. */
export function signedPartOf({ publicKey, signature }: Certificate): Uint8Array {
  // The signature is the last field, behind its length.
  return publicKey.blob.subarray(0, publicKey.blob.length - signature.length - 4)
}

function readCertificate(publicKey: PublicKey): Certificate {
  const type = certificateTypeNamed(publicKey.type)
  if (type === undefined)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: a key of type ${publicKey.type} is no certificate`, {
      format,
    })
  return reading(format, () => {
    const from = new Reader(publicKey.blob, type.name)
    from.string()
    from.string()
    const plain = readPlainBlob(from, type)
    const serial = from.uint64()
    const kind = from.uint32()
    if (kind !== 1 && kind !== 2)
      throw new ProtocolError(`a certificate of kind ${kind}, where 1 is for users and 2 for hosts`)
    const keyId = text(from.string(), 'the key id')
    const principals = readPrincipals(from.string())
    const validAfter = from.uint64()
    const validBefore = from.uint64()
    const criticalOptions = readOptions(from.string(), 'critical options')
    const extensions = readOptions(from.string(), 'extensions')
    // Reserved, and to be passed over.
    from.string()
    const authority = publicKeyFromBlob(from.string())
    if (certificateTypeNamed(authority.type) !== undefined)
      throw new ProtocolError('signed by a certificate, where only a plain key can be an authority')
    const signature = from.string()
    from.end()
    return Object.freeze({
      publicKey,
      key: publicKeyFromBlob(plain, publicKey.comment),
      kind: kind === 1 ? 'user' : 'host',
      serial,
      keyId,
      principals,
      validAfter,
      validBefore,
      criticalOptions,
      extensions,
      authority,
      signature,
    } as const)
  })
}

function readPrincipals(bytes: Uint8Array): readonly string[] {
  const from = new Reader(bytes, 'principals')
  const principals: string[] = []
  while (from.left > 0) {
    if (principals.length === mostPrincipals)
      throw new ProtocolError(`more than ${mostPrincipals} principals`)
    principals.push(text(from.string(), 'a principal'))
  }
  return Object.freeze(principals)
}

function readOptions(bytes: Uint8Array, what: string): readonly CertificateOption[] {
  const from = new Reader(bytes, what)
  const options: CertificateOption[] = []
  while (from.left > 0) {
    if (options.length === mostOptions) throw new ProtocolError(`more than ${mostOptions} ${what}`)
    const name = text(from.string(), `the name of one of the ${what}`)
    const data = from.string()
    const value = onlyString(data)
    options.push(Object.freeze({ name, data, ...(value === undefined ? {} : { value }) }))
  }
  return Object.freeze(options)
}

/** The text of `data` when it is one SSH string of UTF-8 and nothing else. */
function onlyString(data: Uint8Array): string | undefined {
  if (data.length < 4) return undefined
  const from = new Reader(data)
  return from.uint32() === from.left ? utf8DecodeStrict(from.rest()) : undefined
}

/** Names are compared: bytes that are no text could be taken for others, and NUL ends strings elsewhere. */
function text(bytes: Uint8Array, what: string): string {
  const decoded = utf8DecodeStrict(bytes)
  if (decoded === undefined || decoded.includes('\0'))
    throw new ProtocolError(`${what} is not UTF-8, or has a zero byte`)
  return decoded
}

function onlyLine(data: string): string {
  if (data.length > mostCharacters)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: ${data.length} characters are too many`, { format })
  const lines = data
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const [line] = lines
  if (line === undefined || lines.length > 1)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: ${lines.length} lines where one is needed`, { format })
  return line
}
