/** Says whether a certificate is to be believed: by whom it was signed, for whom, for how long, under what conditions. */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { equal, ProtocolError, Reader, UsageError } from '@hawser/wire'
import type { PublicKey } from '../key.ts'
import { inRanges } from '../trust/addresses.ts'
import { matchesPattern } from '../trust/host-patterns.ts'
import { createVerifier, type KeyPolicy, whyUnusable } from '../verify.ts'
import { type Certificate, forever, signedPartOf } from './certificate.ts'
import type { RevocationList } from './krl.ts'
import { type CertificatePermissions, permissionsOf } from './permissions.ts'

/** By which algorithms authorities may sign, unless the caller says otherwise: OpenSSH's CASignatureAlgorithms. */
export const authorityAlgorithms: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

export interface CertificateCheck extends Pick<KeyPolicy, 'minRsaBits'> {
  readonly kind: 'user' | 'host'
  /**
   * Names of which the certificate must have one: the user's login name, or the name that the client connected to, in lower case.
   * A host certificate without any is for every host, as in OpenSSH; a user's certificate without any is for nobody.
   */
  readonly principals: readonly string[]
  /** Whether names in host certificates may be patterns with `*` and `?`. Default: no, as in ssh of OpenSSH 9.2. */
  readonly hostPatterns?: boolean
  /** The keys that are trusted to sign for these principals. */
  readonly authorities: readonly PublicKey[]
  /** The time to judge by. */
  readonly now: Date
  /** Where the user comes from. A certificate that says where its user may come from is refused without it. */
  readonly address?: string
  /** What no longer counts: certificates, their keys, authorities. */
  readonly revoked?: RevocationList
  /** Default: {@link authorityAlgorithms}. */
  readonly signatureAlgorithms?: readonly string[]
  readonly crypto?: CryptoProvider
}

export type CertificateProblem =
  | 'kind'
  | 'authority'
  | 'signature'
  | 'key'
  | 'revoked'
  | 'not-yet-valid'
  | 'expired'
  | 'principal'
  | 'critical-option'
  | 'address'

export type CertificateVerdict =
  | {
      readonly valid: true
      /** What it allows and demands; only users' certificates allow anything. */
      readonly permissions: CertificatePermissions
    }
  | { readonly valid: false; readonly reason: CertificateProblem; readonly message: string }

/**
 * Checks everything that a certificate says. What it cannot check is that the other side holds the certified key: that is what a
 * signature is for, see {@link certificateVerifier}. Throws UsageError for a check that makes no sense.
 */
export function checkCertificate(certificate: Certificate, check: CertificateCheck): CertificateVerdict {
  const now = secondsOf(check.now)
  const { kind, validAfter, validBefore, authority } = certificate
  if (kind !== check.kind)
    return refuse('kind', `a certificate for a ${kind} where one for a ${check.kind} is needed`)
  if (!check.authorities.some((trusted) => equal(trusted.blob, authority.blob)))
    return refuse('authority', `signed by a ${authority.type} key that is not among the trusted authorities`)
  const forged = signatureProblem(certificate, check)
  if (forged !== undefined) return refuse('signature', forged)
  const weak = whyUnusable(certificate.key, check)
  if (weak !== undefined) return refuse('key', weak)
  const revocation = check.revoked?.check(certificate)
  if (revocation !== undefined) return refuse('revoked', revocation.message)
  if (now < validAfter) return refuse('not-yet-valid', `valid only from ${isoTime(validAfter)} on`)
  if (now >= validBefore) return refuse('expired', `expired at ${isoTime(validBefore)}`)
  if (!namesFit(certificate, check)) return refuse('principal', principalProblem(certificate, check))
  const permissions = permissionsOf(certificate)
  if (typeof permissions === 'string') return refuse('critical-option', permissions)
  if (kind === 'host') {
    const [option] = certificate.criticalOptions
    // There are none for hosts.
    if (option !== undefined)
      return refuse(
        'critical-option',
        `a host certificate with the critical option ${JSON.stringify(option.name)}`,
      )
  }
  const { sourceAddress } = permissions
  if (sourceAddress !== undefined) {
    const { address } = check
    const inside = inRanges(address ?? '', sourceAddress)
    if (inside === undefined) return refuse('critical-option', 'its list of source addresses is malformed')
    if (!inside)
      return refuse(
        'address',
        `not to be used from ${address ?? 'an unknown address'}, only from ${sourceAddress}`,
      )
  }
  return { valid: true, permissions }
}

/** Why the authority has not signed this certificate, as a sentence; undefined when it has. */
export function signatureProblem(
  certificate: Certificate,
  {
    signatureAlgorithms = authorityAlgorithms,
    crypto = defaultProvider,
    ...policy
  }: Pick<CertificateCheck, 'signatureAlgorithms' | 'crypto' | 'minRsaBits'>,
): string | undefined {
  const { authority, signature } = certificate
  const algorithm = signatureAlgorithmOf(signature)
  if (algorithm === undefined || !signatureAlgorithms.includes(algorithm))
    return `signed by the algorithm ${JSON.stringify(algorithm?.slice(0, 80) ?? '')}, where ${signatureAlgorithms.join(', ')} are accepted`
  const insecure = algorithm === 'ssh-rsa'
  // Whether authorities on security keys are touched is their business, as in OpenSSH.
  const verify = createVerifier(crypto, { ...policy, insecure, touchRequired: false })
  if (verify(authority, algorithm, signedPartOf(certificate), signature)) return undefined
  return (
    whyUnusable(authority, { ...policy, insecure, crypto }) ?? 'the signature of its authority does not fit'
  )
}

/** The name of the algorithm inside a signature blob; undefined for what is none. */
export function signatureAlgorithmOf(signature: Uint8Array): string | undefined {
  try {
    return new Reader(signature, 'signature').ascii()
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** Whole seconds since 1970. */
export function secondsOf(time: Date): bigint {
  const milliseconds = time.getTime()
  if (!Number.isFinite(milliseconds)) throw new UsageError('the option now must be a valid Date')
  return BigInt(Math.floor(milliseconds / 1000))
}

function namesFit({ kind, principals }: Certificate, check: CertificateCheck): boolean {
  if (kind === 'host' && principals.length === 0) return true
  const fits =
    kind === 'host' && check.hostPatterns === true
      ? matchesPattern
      : (name: string, principal: string): boolean => name === principal
  return check.principals.some((name) => principals.some((principal) => fits(name, principal)))
}

function principalProblem({ principals }: Certificate, check: CertificateCheck): string {
  const wanted = check.principals.join(', ') || 'nobody'
  return principals.length === 0
    ? 'it names no principal, and so is for nobody'
    : `for ${principals.join(', ')}, not for ${wanted}`
}

function isoTime(seconds: bigint): string {
  if (seconds === forever) return 'never'
  const time = new Date(seconds > 8_640_000_000_000n ? Number.NaN : Number(seconds) * 1000)
  return Number.isNaN(time.getTime()) ? `second ${seconds}` : time.toISOString().replace('.000Z', 'Z')
}

function refuse(reason: CertificateProblem, message: string): CertificateVerdict {
  return { valid: false, reason, message }
}
