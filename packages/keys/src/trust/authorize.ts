/** Who may log in by the lines of authorized_keys: by a key of their own, or by a certificate of an authority. */

import { equal } from '@hawser/wire'
import { type Certificate, isCertificate, parseCertificate } from '../certificates/certificate.ts'
import { type CertificateCheck, checkCertificate, secondsOf } from '../certificates/check.ts'
import type { CertificatePermissions } from '../certificates/permissions.ts'
import type { TimeZoneOptions } from '../certificates/time.ts'
import { KeyError } from '../errors.ts'
import type { PublicKey } from '../key.ts'
import { fitsAddressList } from './addresses.ts'
import type { AuthorizedKey, AuthorizedKeys } from './authorized-keys.ts'
import { type KeyRestrictions, keyRestrictions } from './key-restrictions.ts'

export interface LoginQuestion
  extends Pick<CertificateCheck, 'revoked' | 'signatureAlgorithms' | 'crypto'>,
    TimeZoneOptions {
  /** The key that the user has, or a certificate; that the user has it is for the login to prove. */
  readonly key: PublicKey
  /** The login name. */
  readonly user: string
  readonly now: Date
  /** Where the user comes from. Lines that say from where are passed over without it. */
  readonly address?: string
  /** The name of that place, when it is known for certain. */
  readonly host?: string
}

export type LoginVerdict =
  | {
      readonly allowed: true
      readonly entry: AuthorizedKey
      /** What line and certificate together allow and demand. */
      readonly restrictions: KeyRestrictions
      readonly certificate?: Certificate
    }
  | { readonly allowed: false /** For the log, not for the user. */; readonly message: string }

/** The first line that lets the user in, as sshd decides. Throws {@link KeyError} for a malformed certificate. */
export function authorizeKey({ entries }: AuthorizedKeys, question: LoginQuestion): LoginVerdict {
  const { key, revoked } = question
  const revocation = revoked?.check(key)
  if (revocation !== undefined) return { allowed: false, message: revocation.message }
  const certificate = isCertificate(key) ? parseCertificate(key) : undefined
  const wanted = certificate?.authority ?? key
  let message = 'no line has this key'
  for (const entry of entries) {
    if (!equal(entry.key.blob, wanted.blob)) continue
    const verdict = judge(entry, certificate, question)
    if (typeof verdict !== 'string')
      return {
        allowed: true,
        entry,
        restrictions: verdict,
        ...(certificate === undefined ? {} : { certificate }),
      }
    message = `line ${entry.line}: ${verdict}`
  }
  return { allowed: false, message }
}

/** What the line allows, or why it does not let the user in. */
function judge(
  entry: AuthorizedKey,
  certificate: Certificate | undefined,
  question: LoginQuestion,
): KeyRestrictions | string {
  const { user, address, host, now } = question
  const restrictions = restrictionsOf(entry, question)
  if (typeof restrictions === 'string') return restrictions
  if (restrictions.certAuthority !== (certificate !== undefined))
    return certificate === undefined
      ? 'the key is for signing certificates'
      : 'the key is not for signing certificates'
  if (
    restrictions.from !== undefined &&
    (address === undefined || fitsAddressList(restrictions.from, address, host) !== true)
  )
    return `not to be used from ${address ?? 'an unknown address'}`
  if (restrictions.expires !== undefined && secondsOf(now) > restrictions.expires)
    return 'the key has expired'
  if (certificate === undefined) return restrictions
  const verdict = checkCertificate(certificate, {
    kind: 'user',
    principals: restrictions.principals ?? [user],
    authorities: [entry.key],
    now,
    ...(address === undefined ? {} : { address }),
    ...(question.crypto === undefined ? {} : { crypto: question.crypto }),
    ...(question.revoked === undefined ? {} : { revoked: question.revoked }),
    ...(question.signatureAlgorithms === undefined
      ? {}
      : { signatureAlgorithms: question.signatureAlgorithms }),
  })
  return verdict.valid ? merge(restrictions, verdict.permissions) : verdict.message
}

function restrictionsOf(entry: AuthorizedKey, zone: TimeZoneOptions): KeyRestrictions | string {
  try {
    return keyRestrictions(entry.options, zone)
  } catch (error) {
    if (error instanceof KeyError) return error.message
    throw error
  }
}

/** Only what both allow, and all that either demands. */
function merge(line: KeyRestrictions, certificate: CertificatePermissions): KeyRestrictions | string {
  const { forceCommand } = certificate
  if (line.command !== undefined && forceCommand !== undefined && line.command !== forceCommand)
    return 'line and certificate force different commands'
  const command = forceCommand ?? line.command
  return Object.freeze({
    ...line,
    ...(command === undefined ? {} : { command }),
    agentForwarding: line.agentForwarding && certificate.agentForwarding,
    portForwarding: line.portForwarding && certificate.portForwarding,
    pty: line.pty && certificate.pty,
    userRc: line.userRc && certificate.userRc,
    x11Forwarding: line.x11Forwarding && certificate.x11Forwarding,
    noTouchRequired: line.noTouchRequired && certificate.noTouchRequired,
    verifyRequired: line.verifyRequired || certificate.verifyRequired,
  })
}
