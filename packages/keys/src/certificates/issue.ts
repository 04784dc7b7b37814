/** Makes certificates: an authority signs what a key may be used for (OpenSSH PROTOCOL.certkeys). */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { concat, Reader, UsageError, utf8Encode, Writer } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import type { PublicKey, Signer } from '../key.ts'
import { publicKeyFromBlob } from '../public-blob.ts'
import { inRanges } from '../trust/addresses.ts'
import { type Certificate, forever, isCertificate, parseCertificate } from './certificate.ts'
import { authorityAlgorithms, secondsOf, signatureAlgorithmOf, signatureProblem } from './check.ts'
import { defaultUserExtensions } from './permissions.ts'
import { type CertificateType, certificateTypeFor } from './types.ts'

/** An option beyond those that have a name of their own here; without `value` it is only there. */
export interface OptionRequest {
  readonly name: string
  readonly value?: string
}

export interface CertificateRequest {
  readonly kind: 'user' | 'host'
  /** The key to certify. */
  readonly key: PublicKey
  /** What the authority calls it: for logs and revocation. */
  readonly keyId: string
  /** Login names, or host names in lower case. May be empty, which means nobody for users and every host for hosts. */
  readonly principals: readonly string[]
  /** Default 0: none. */
  readonly serial?: bigint | number
  /** Default: valid from ever. */
  readonly validAfter?: Date | bigint
  /** The moment at which it ends. Default: for ever, so give one. */
  readonly validBefore?: Date | bigint
  /** Users only: run this, whatever the user asks for. */
  readonly forceCommand?: string
  /** Users only: addresses and CIDR from where the user may come. */
  readonly sourceAddress?: readonly string[]
  /** Users only, security keys: PIN or finger is needed. */
  readonly verifyRequired?: boolean
  /** Further critical options: whoever does not know one refuses the certificate. */
  readonly criticalOptions?: readonly OptionRequest[]
  /** Default: for users those of ssh-keygen, {@link defaultUserExtensions}; for hosts none. */
  readonly extensions?: readonly (string | OptionRequest)[]
  /** Kept with the public line, not in the certificate. Default: the key's comment. */
  readonly comment?: string
}

export interface IssueOptions {
  /** By which the authority signs. Default: the first of its own that {@link authorityAlgorithms} has. */
  readonly algorithm?: string
  readonly crypto?: CryptoProvider
}

/**
 * Has `authority` sign a certificate; write it with `formatPublicKey(certificate.publicKey)`. Rejects with UsageError for a request that
 * no one would accept, and with {@link KeyError} when the authority's signature does not fit.
 */
export async function issueCertificate(
  request: CertificateRequest,
  authority: Signer,
  { algorithm: wanted, crypto = defaultProvider }: IssueOptions = {},
): Promise<Certificate> {
  const type = certificateTypeFor(request.key.type)
  if (type === undefined) throw new UsageError(`a key of type ${request.key.type} cannot be certified`)
  if (isCertificate(authority.publicKey))
    throw new UsageError('an authority signs with its plain key, not with a certificate')
  const algorithm = wanted ?? authority.algorithms.find((name) => authorityAlgorithms.includes(name))
  if (algorithm === undefined)
    throw new UsageError(
      `the authority signs by ${authority.algorithms.join(', ') || 'nothing'}, none of which is accepted`,
    )
  const signed = signedPart(request, type, authority.publicKey, crypto.backend.random(32))
  const signature = await authority.sign(algorithm, signed)
  const made = signatureAlgorithmOf(signature)
  if (made !== algorithm)
    throw new KeyError(
      'SSH_KEY_INVALID',
      `the authority signed by ${JSON.stringify(made ?? '')} where ${algorithm} was asked for`,
    )
  const blob = new Writer(signed.length + signature.length + 4).bytes(signed).string(signature).finish()
  const certificate = parseCertificate(publicKeyFromBlob(blob, request.comment ?? request.key.comment))
  const problem = signatureProblem(certificate, { crypto, signatureAlgorithms: [algorithm] })
  if (problem !== undefined)
    throw new KeyError('SSH_KEY_INVALID', `the authority's signature is not usable: ${problem}`)
  return certificate
}

function signedPart(
  request: CertificateRequest,
  type: CertificateType,
  authority: PublicKey,
  nonce: Uint8Array,
): Uint8Array {
  const { kind, keyId, principals } = request
  const [after, before] = [seconds(request.validAfter ?? 0n), seconds(request.validBefore ?? forever)]
  if (after >= before)
    throw new UsageError(`a certificate from second ${after} to second ${before} would never be valid`)
  if (principals.length > 256)
    throw new UsageError(`${principals.length} principals are too many, 256 are possible`)
  if (principals.includes('')) throw new UsageError('a principal is empty')
  const to = new Writer(1024).string(type.name).string(nonce)
  to.bytes(fieldsOf(publicKeyFromBlob(request.key.blob), type))
  to.uint64(BigInt(request.serial ?? 0))
    .uint32(kind === 'user' ? 1 : 2)
    .string(text(keyId))
  to.string(concat(...principals.map((name) => stringOf(text(name)))))
  to.uint64(after).uint64(before)
  to.string(encodeOptions(criticalOptionsOf(request))).string(encodeOptions(extensionsOf(request)))
  return to.string('').string(authority.blob).finish().slice()
}

/** What stands in a plain blob behind its type name. */
function fieldsOf({ blob }: PublicKey, type: CertificateType): Uint8Array {
  const from = new Reader(blob, type.plain)
  from.string()
  const rest = blob.subarray(from.offset)
  for (let field = 0; field < type.fields; field++) from.string()
  from.end()
  return rest
}

function criticalOptionsOf(request: CertificateRequest): OptionRequest[] {
  const { forceCommand, sourceAddress, verifyRequired, criticalOptions = [] } = request
  const own: OptionRequest[] = []
  if (forceCommand !== undefined) own.push({ name: 'force-command', value: forceCommand })
  if (sourceAddress !== undefined) {
    const value = sourceAddress.join(',')
    if (inRanges('', value) === undefined)
      throw new UsageError(`${JSON.stringify(value)} is no list of addresses and CIDR`)
    own.push({ name: 'source-address', value })
  }
  if (verifyRequired === true) own.push({ name: 'verify-required' })
  if (request.kind === 'host' && own.length > 0)
    throw new UsageError(`the option ${own[0]?.name} is for users; there is nothing like it for hosts`)
  return [...own, ...criticalOptions]
}

function extensionsOf({ kind, extensions }: CertificateRequest): OptionRequest[] {
  return (extensions ?? (kind === 'user' ? defaultUserExtensions : [])).map((extension) =>
    typeof extension === 'string' ? { name: extension } : extension,
  )
}

/** In the order of their names, as the format wants it, each once. */
function encodeOptions(options: readonly OptionRequest[]): Uint8Array {
  const sorted = options
    .map(({ name, value }) => ({ name: text(name), value: value === undefined ? undefined : text(value) }))
    .sort((a, b) => compare(a.name, b.name))
  const to = new Writer(256)
  for (const [at, { name, value }] of sorted.entries()) {
    if (name.length === 0) throw new UsageError('an option without a name')
    const before = sorted[at - 1]
    if (before !== undefined && compare(before.name, name) === 0)
      throw new UsageError('an option is there twice')
    to.string(name).string(value === undefined ? '' : stringOf(value))
  }
  return to.finish().slice()
}

function stringOf(bytes: Uint8Array): Uint8Array {
  return new Writer(bytes.length + 4).string(bytes).finish()
}

function text(value: string): Uint8Array {
  if (value.includes('\0')) throw new UsageError('texts in a certificate cannot have a zero byte')
  return utf8Encode(value)
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index])
  if (at < 0) return a.length - b.length
  return (a[at] as number) - (b[at] ?? -1)
}

function seconds(time: Date | bigint): bigint {
  return typeof time === 'bigint' ? time : secondsOf(time)
}
