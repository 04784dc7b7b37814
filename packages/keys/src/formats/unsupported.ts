/** Says what a file is that cannot be read, and what to do about it. */

import { latin1Decode } from '@hawser/wire'
import { KeyError } from '../errors.ts'

/** Armoured blocks by label: what they are, and advice. */
const labels: Readonly<Record<string, readonly [format: string, advice: string]>> = {
  CERTIFICATE: ['X.509 certificate', 'is no SSH key; its public key: openssl x509 -pubkey -noout -in <file>'],
  'CERTIFICATE REQUEST': ['X.509 certificate request', 'is no SSH key'],
  'SSH SIGNATURE': ['SSH signature', 'is no key'],
  'PGP PUBLIC KEY BLOCK': ['PGP public key', 'is no SSH key'],
  'PGP PRIVATE KEY BLOCK': ['PGP private key', 'is no SSH key'],
  'PUBLIC KEY': ['SPKI public key', 'is a public key, where a private one is needed'],
  'RSA PUBLIC KEY': ['PKCS#1 RSA public key', 'is a public key, where a private one is needed'],
}

/** The error for an armoured block that is not a key, or not of the sort that is `wanted`. */
export function unsupportedLabel(label: string, wanted: 'private' | 'public'): KeyError {
  const [format, advice] = labels[label] ?? [label, `is not a format of ${wanted} keys that can be read`]
  const code =
    format.endsWith('public key') || labels[label] === undefined ? 'SSH_KEY_FORMAT' : 'SSH_KEY_UNSUPPORTED'
  return new KeyError(code, `this is a block "${label}" (${format}), which ${advice}`, { format })
}

/** What a file without BEGIN line starts with. */
const starts: readonly (readonly [start: RegExp, format: string, advice: string])[] = [
  [
    /^SSH PRIVATE KEY FILE FORMAT 1\.1/,
    'SSH 1 private key',
    'is for a protocol that is no longer spoken; make a new key',
  ],
  [/^\d+ \d+ \d{20,}/, 'SSH 1 public key', 'is for a protocol that is no longer spoken; make a new key'],
  [/^SSHKRL\n\0/, 'OpenSSH key revocation list', 'is no key'],
]

/** The error for something that no reader takes. */
export function recognise(data: string | Uint8Array): KeyError {
  if (data.length === 0) return new KeyError('SSH_KEY_FORMAT', 'this is empty, where a key is needed')
  const start = (typeof data === 'string' ? data : latin1Decode(data.subarray(0, 8192)))
    .slice(0, 8192)
    .trimStart()
  for (const [pattern, format, advice] of starts)
    if (pattern.test(start))
      return new KeyError('SSH_KEY_UNSUPPORTED', `this is a ${format}, which ${advice}`, { format })
  if (data instanceof Uint8Array && data[0] === 0x30)
    return new KeyError(
      'SSH_KEY_UNSUPPORTED',
      'this looks like binary DER, which cannot be read; convert it to PEM: openssl pkey -inform DER -in <file>',
      { format: 'DER' },
    )
  const utf16 = data instanceof Uint8Array && (data[0] === 0xff || data[0] === 0xfe || data[1] === 0)
  return new KeyError(
    'SSH_KEY_FORMAT',
    utf16
      ? 'this is no key, or one in UTF-16; save it as UTF-8'
      : 'this is not a key in any format that is known: it has no line "-----BEGIN … KEY-----" and is no public key line',
  )
}
