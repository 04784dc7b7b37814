/** Certificates in words: the text of `ssh-keygen -L`. */

import { hexEncode } from '@hawser/wire'
import { describeKey } from '../fingerprints/describe.ts'
import { fingerprint } from '../fingerprints/fingerprint.ts'
import { type Certificate, type CertificateOption, forever } from './certificate.ts'
import { signatureAlgorithmOf } from './check.ts'
import { criticalFlags, criticalWithValue, extensionFlags } from './permissions.ts'
import { formatTime, type TimeZoneOptions } from './time.ts'

/**
 * What `ssh-keygen -L` prints about a certificate, below the line with the file's name; a line end behind each line. Times are those
 * of the local time zone, as there, unless `timeZone` says `utc`. Unlike ssh-keygen it does not look at the signature.
 */
export function certificateListing(certificate: Certificate, options: TimeZoneOptions = {}): string {
  const { publicKey, authority, kind, keyId, serial, principals, criticalOptions, extensions } = certificate
  const lines = [
    `Type: ${publicKey.type} ${kind} certificate`,
    `Public key: ${describeKey(publicKey).label} ${fingerprint(publicKey)}`,
    `Signing CA: ${describeKey(authority).label} ${fingerprint(authority)} (using ${signatureAlgorithmOf(certificate.signature) ?? ''})`,
    `Key ID: "${keyId}"`,
    `Serial: ${serial}`,
    `Valid: ${validity(certificate, options)}`,
    ...list('Principals', principals),
    ...list(
      'Critical Options',
      criticalOptions.map((option) => optionText(option, criticalWithValue, criticalFlags)),
    ),
    ...list(
      'Extensions',
      extensions.map((option) => optionText(option, [], extensionFlags)),
    ),
  ]
  return lines.map((line) => `        ${line}\n`).join('')
}

function list(title: string, entries: readonly string[]): string[] {
  return entries.length === 0
    ? [`${title}: (none)`]
    : [`${title}: `, ...entries.map((entry) => `        ${entry}`)]
}

function optionText(
  { name, data, value }: CertificateOption,
  withValue: readonly string[],
  flags: readonly string[],
): string {
  if (withValue.includes(name) && value !== undefined) return `${name} ${value}`
  if (flags.includes(name)) return name
  return data.length === 0
    ? `${name} UNKNOWN FLAG OPTION`
    : `${name} UNKNOWN OPTION: ${hexEncode(data)} (len ${data.length})`
}

function validity({ validAfter, validBefore }: Certificate, options: TimeZoneOptions): string {
  const [from, to] = [formatTime(validAfter, options), formatTime(validBefore, options)]
  if (validAfter === 0n) return validBefore === forever ? 'forever' : `before ${to}`
  return validBefore === forever ? `after ${from}` : `from ${from} to ${to}`
}
