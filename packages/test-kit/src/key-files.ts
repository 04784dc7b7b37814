/** Keys made by the real ssh-keygen, as files. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, runNow, temporaryFolder } from './process.ts'

/** The key types of a run of ssh-keygen: type and, where there is a choice, bits. */
export const keyFileTypes = [
  'ed25519',
  'ecdsa-256',
  'ecdsa-384',
  'ecdsa-521',
  'rsa-2048',
  'rsa-3072',
] as const
export type KeyFileType = (typeof keyFileTypes)[number]

export interface KeyFile {
  readonly type: KeyFileType
  /** Path of the private key; the public one is beside it with `.pub`. */
  readonly path: string
  readonly privateText: string
  /** `type base64 comment`, no line end. */
  readonly publicLine: string
  readonly passphrase: string
}

export interface KeyFileOptions {
  /** Default: none. */
  readonly passphrase?: string
  /** Container: OpenSSH's own, PEM (PKCS#1, SEC1) or PKCS#8. Default: OpenSSH's. */
  readonly format?: 'openssh' | 'pem' | 'pkcs8'
  /** Default: `hawser test <type>`. */
  readonly comment?: string
  /** Rounds of the key derivation for an encrypted key; small is quick. Default: 4. */
  readonly rounds?: number
}

let folder: string | undefined
let made = 0
const shared = new Map<string, KeyFile>()

/** A new key. Throws when ssh-keygen is not installed. */
export function makeKeyFile(type: KeyFileType, options: KeyFileOptions = {}): KeyFile {
  const keygen = findProgram('ssh-keygen')
  if (keygen === undefined) throw new Error('ssh-keygen is not installed')
  folder ??= temporaryFolder('keys')
  const path = join(folder, `key-${made++}-${type}`)
  const [algorithm, bits] = type.split('-') as [string, string?]
  const { passphrase = '', format = 'openssh', comment = `hawser test ${type}`, rounds = 4 } = options
  const formats = { openssh: [], pem: ['-m', 'PEM'], pkcs8: ['-m', 'PKCS8'] }
  runNow(keygen, [
    ...['-q', '-t', algorithm, '-f', path, '-N', passphrase, '-C', comment, '-a', String(rounds)],
    ...(bits === undefined ? [] : ['-b', bits]),
    ...formats[format],
  ])
  return {
    type,
    path,
    privateText: readFileSync(path, 'utf8'),
    publicLine: readFileSync(`${path}.pub`, 'utf8').trim(),
    passphrase,
  }
}

/** One key per type and use, made when first asked for and then the same as long as this process lives. */
export function sharedKeyFile(type: KeyFileType, use: 'host' | 'user' = 'user'): KeyFile {
  const name = `${use} ${type}`
  const known = shared.get(name)
  if (known !== undefined) return known
  const key = makeKeyFile(type, { comment: `hawser ${use} ${type}` })
  shared.set(name, key)
  return key
}
