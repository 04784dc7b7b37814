/** Key revocation lists (OpenSSH PROTOCOL.krl): which keys, certificates and authorities no longer count. */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { hexEncode, ProtocolError, Reader, utf8Decode, utf8Encode } from '@hawser/wire'
import { KeyError, reading } from '../errors.ts'
import { readLine } from '../formats/openssh-line.ts'
import type { PublicKey } from '../key.ts'
import { publicKeyFromBlob } from '../public-blob.ts'
import { createVerifier } from '../verify.ts'
import { type Certificate, isCertificate, parseCertificate } from './certificate.ts'
import { authorityAlgorithms, signatureAlgorithmOf } from './check.ts'
import { plainBlobOf } from './types.ts'

const format = 'key revocation list'
/** `SSHKRL\n` and a zero byte. */
const magic = utf8Encode('SSHKRL\n\0')
const mostBytes = 64 * 1_048_576

/** By what a key is revoked: itself, one of its fingerprints, its certificate's serial or key id, or its authority. */
export type RevokedBy = 'key' | 'sha1' | 'sha256' | 'serial' | 'key-id' | 'authority'

export interface Revocation {
  readonly by: RevokedBy
  /** The whole sentence. */
  readonly message: string
}

export interface RevocationList {
  /** What its maker numbered it; 0 for a list in text. */
  readonly version: bigint
  /** Seconds since 1970; 0 for a list in text. */
  readonly generated: bigint
  readonly comment: string
  /** Keys that have signed the list; the signatures fit. ssh-keygen makes none. */
  readonly signedBy: readonly PublicKey[]
  /** Why a key, or a certificate, no longer counts; undefined when the list says nothing against it. Throws {@link KeyError} for a malformed certificate. */
  check(what: PublicKey | Certificate): Revocation | undefined
}

export interface RevocationListOptions {
  readonly crypto?: CryptoProvider
}

/**
 * Reads a list that `ssh-keygen -k` has made, or in its place the text of a file with one public key per line, as sshd's RevokedKeys
 * takes it. A list with anything in it that is not understood is refused as a whole. Throws {@link KeyError}.
 */
export function parseRevocationList(
  data: string | Uint8Array,
  { crypto = defaultProvider }: RevocationListOptions = {},
): RevocationList {
  if (data.length > mostBytes)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: ${data.length} bytes, the limit is ${mostBytes}`, {
      format,
    })
  const bytes = typeof data === 'string' ? undefined : data
  const isBinary = bytes !== undefined && magic.every((byte, at) => bytes[at] === byte)
  if (isBinary) return reading(format, () => readBinary(bytes, crypto))
  return readText(typeof data === 'string' ? data : utf8Decode(data), crypto)
}

/** What is revoked of the certificates of one authority. */
interface CertificateSection {
  readonly serials: Set<bigint>
  readonly ranges: { readonly from: bigint; readonly to: bigint }[]
  readonly bitmaps: { readonly offset: bigint; readonly bits: Uint8Array }[]
  readonly keyIds: Set<string>
}

/** Blobs and hashes are kept in hexadecimal. */
interface Content {
  readonly keys: Set<string>
  readonly sha1: Set<string>
  readonly sha256: Set<string>
  /** By the blob of the authority; the empty one stands for all. */
  readonly certificates: Map<string, CertificateSection>
}

class List implements RevocationList {
  readonly version: bigint
  readonly generated: bigint
  readonly comment: string
  readonly signedBy: readonly PublicKey[]
  readonly #content: Content
  readonly #crypto: CryptoProvider

  constructor(
    head: Pick<RevocationList, 'version' | 'generated' | 'comment' | 'signedBy'>,
    content: Content,
    crypto: CryptoProvider,
  ) {
    this.version = head.version
    this.generated = head.generated
    this.comment = head.comment
    this.signedBy = head.signedBy
    this.#content = content
    this.#crypto = crypto
    Object.freeze(this)
  }

  check(what: PublicKey | Certificate): Revocation | undefined {
    const certificate = 'authority' in what ? what : isCertificate(what) ? parseCertificate(what) : undefined
    const own = this.#key(certificate?.key ?? (what as PublicKey))
    if (own !== undefined || certificate === undefined) return own
    return this.#certificate(certificate)
  }

  #key(key: PublicKey): Revocation | undefined {
    const blob = plainBlobOf(key.blob)
    const { backend } = this.#crypto
    const { keys, sha1, sha256 } = this.#content
    if (sha1.size > 0 && sha1.has(hexEncode(backend.hash('sha1', blob))))
      return { by: 'sha1', message: 'the key is revoked by its SHA-1 fingerprint' }
    if (sha256.size > 0 && sha256.has(hexEncode(backend.hash('sha256', blob))))
      return { by: 'sha256', message: 'the key is revoked by its SHA-256 fingerprint' }
    return keys.has(hexEncode(blob)) ? { by: 'key', message: 'the key is revoked' } : undefined
  }

  #certificate({ serial, keyId, authority }: Certificate): Revocation | undefined {
    for (const name of [hexEncode(authority.blob), '']) {
      const section = this.#content.certificates.get(name)
      if (section === undefined) continue
      if (section.keyIds.has(keyId))
        return { by: 'key-id', message: `the certificate is revoked by its key id ${JSON.stringify(keyId)}` }
      // 0 stands for "not numbered".
      if (serial !== 0n && hasSerial(section, serial))
        return { by: 'serial', message: `the certificate is revoked by its serial ${serial}` }
    }
    return this.#key(authority) === undefined
      ? undefined
      : { by: 'authority', message: 'the authority that signed the certificate is revoked' }
  }
}

function hasSerial({ serials, ranges, bitmaps }: CertificateSection, serial: bigint): boolean {
  return (
    serials.has(serial) ||
    ranges.some(({ from, to }) => from <= serial && serial <= to) ||
    bitmaps.some(({ offset, bits }) => {
      const bit = serial - offset
      if (bit < 0n || bit >= BigInt(bits.length) * 8n) return false
      const at = Number(bit)
      return (((bits[bits.length - 1 - (at >> 3)] as number) >> (at & 7)) & 1) === 1
    })
  )
}

// the binary form

const section = { certificates: 1, explicitKey: 2, sha1: 3, signature: 4, sha256: 5, extension: 255 } as const
const subsection = {
  serialList: 0x20,
  serialRange: 0x21,
  serialBitmap: 0x22,
  keyId: 0x23,
  extension: 0x39,
} as const

function readBinary(bytes: Uint8Array, crypto: CryptoProvider): RevocationList {
  const from = new Reader(bytes, format)
  from.bytes(magic.length)
  const formatVersion = from.uint32()
  if (formatVersion !== 1) throw unsupported(`version ${formatVersion} of the format`)
  const version = from.uint64()
  const generated = from.uint64()
  // Flags and a reserved string: nothing has been given a meaning.
  from.uint64()
  from.string()
  const comment = utf8Decode(from.string())
  const content = emptyContent()
  const signedBy: PublicKey[] = []
  while (from.left > 0) {
    const type = from.byte()
    if (type === section.signature) signedBy.push(readSignature(from, bytes, crypto))
    else if (signedBy.length > 0)
      throw new ProtocolError('a section behind a signature, which does not cover it')
    else readSection(type, new Reader(from.string(), `${format}, section ${type}`), content)
  }
  return new List({ version, generated, comment, signedBy: Object.freeze(signedBy) }, content, crypto)
}

function readSection(type: number, from: Reader, content: Content): void {
  switch (type) {
    case section.certificates:
      return readCertificates(from, content)
    case section.explicitKey:
      while (from.left > 0) content.keys.add(hexEncode(plainBlobOf(from.string())))
      return
    case section.sha1:
      return readHashes(from, 20, content.sha1)
    case section.sha256:
      return readHashes(from, 32, content.sha256)
    case section.extension:
      return readExtension(from)
    default:
      throw unsupported(`a section of type ${type}`)
  }
}

function readCertificates(from: Reader, content: Content): void {
  const blob = from.string()
  // Checked for what it is; empty stands for every authority.
  const authority = blob.length === 0 ? '' : hexEncode(publicKeyFromBlob(blob).blob)
  from.string()
  const into = content.certificates.get(authority) ?? emptySection()
  content.certificates.set(authority, into)
  while (from.left > 0) {
    const type = from.byte()
    const data = new Reader(from.string(), `${format}, certificates, part ${type}`)
    switch (type) {
      case subsection.serialList:
        while (data.left > 0) into.serials.add(numbered(data.uint64()))
        break
      case subsection.serialRange: {
        const range = { from: numbered(data.uint64()), to: data.uint64() }
        if (range.from > range.to)
          throw new ProtocolError(`a range of serials from ${range.from} to ${range.to}`)
        into.ranges.push(range)
        data.end()
        break
      }
      case subsection.serialBitmap:
        into.bitmaps.push({ offset: data.uint64(), bits: positiveBits(data.string()) })
        data.end()
        break
      case subsection.keyId:
        while (data.left > 0) into.keyIds.add(utf8Decode(data.string()))
        break
      case subsection.extension:
        readExtension(data)
        break
      default:
        throw unsupported(`certificates by a part of type ${type}`)
    }
  }
}

function readHashes(from: Reader, length: number, into: Set<string>): void {
  while (from.left > 0) {
    const hash = from.string()
    if (hash.length !== length)
      throw new ProtocolError(`a fingerprint of ${hash.length} bytes, not ${length}`)
    into.add(hexEncode(hash))
  }
}

function readExtension(from: Reader): void {
  const name = from.utf8()
  const isCritical = from.boolean()
  from.string()
  from.end()
  if (isCritical) throw unsupported(`the critical extension ${JSON.stringify(name.slice(0, 80))}`)
}

/** The signature covers everything up to and with its key. */
function readSignature(from: Reader, bytes: Uint8Array, crypto: CryptoProvider): PublicKey {
  const key = publicKeyFromBlob(from.string())
  const signed = bytes.subarray(0, from.offset)
  const signature = from.string()
  const algorithm = signatureAlgorithmOf(signature) ?? ''
  if (!authorityAlgorithms.includes(algorithm) || !createVerifier(crypto)(key, algorithm, signed, signature))
    throw new KeyError('SSH_KEY_INVALID', `${format}: its signature by a ${key.type} key does not fit`, {
      format,
    })
  return key
}

/** An mpint that is not negative, as unsigned bytes. */
function positiveBits(mpint: Uint8Array): Uint8Array {
  if ((mpint[0] ?? 0) >= 0x80) throw new ProtocolError('a negative bitmap of serials')
  return Uint8Array.from(mpint)
}

/** As OpenSSH, whose certificates without a number have serial 0. */
function numbered(serial: bigint): bigint {
  if (serial === 0n) throw new ProtocolError('serial 0, which stands for certificates without one')
  return serial
}

function unsupported(what: string): KeyError {
  return new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `${format}: ${what} is not known here, so that it cannot be relied on`,
    {
      format,
    },
  )
}

// the text form

function readText(text: string, crypto: CryptoProvider): RevocationList {
  const content = emptyContent()
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    try {
      content.keys.add(hexEncode(plainBlobOf(readLine(line).blob)))
    } catch (error) {
      if (!(error instanceof KeyError)) throw error
      const where = `${format}: line ${index + 1} is no public key, and the file no binary list`
      throw new KeyError('SSH_KEY_FORMAT', where, { format, cause: error })
    }
  }
  return new List({ version: 0n, generated: 0n, comment: '', signedBy: Object.freeze([]) }, content, crypto)
}

function emptyContent(): Content {
  return { keys: new Set(), sha1: new Set(), sha256: new Set(), certificates: new Map() }
}

function emptySection(): CertificateSection {
  return { serials: new Set(), ranges: [], bitmaps: [], keyIds: new Set() }
}
