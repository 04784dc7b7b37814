/**
 * How long keys take: reading them, and deriving keys from passphrases beside ssh-keygen and puttygen on the same files.
 * `node --conditions=@hawser/source --import tsx bench/keys.ts`. Each figure is the best of several runs.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatPrivateKey, generateKey, type PrivateKey, parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { findProgram, runNow, temporaryFolder } from '@hawser/test-kit'

const passphrase = 'open sesame'
const folder = temporaryFolder('bench-keys')
let files = 0

function saved(text: string): string {
  const path = join(folder, `key-${files++}`)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** Microseconds for one, in the best of `rounds` runs of `times`. */
function best(run: () => unknown, times: number, rounds = 7): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now()
    for (let i = 0; i < times; i++) run()
    least = Math.min(least, ((performance.now() - begun) * 1000) / times)
  }
  return least
}

function line(what: string, microseconds: number, note = ''): void {
  const text =
    microseconds < 1000 ? `${microseconds.toFixed(1)} µs` : `${(microseconds / 1000).toFixed(1)} ms`
  console.log(`${what.padEnd(52)}${text.padStart(10)}  ${note}`.trimEnd())
}

const keys: readonly (readonly [string, PrivateKey])[] = [
  ['ed25519', await generateKey('ed25519')],
  ['ecdsa 256', await generateKey('ecdsa', { bits: 256 })],
  ['ecdsa 521', await generateKey('ecdsa', { bits: 521 })],
  ['rsa 3072', await generateKey('rsa', { bits: 3072 })],
]
const [, ed25519] = keys[0] as (typeof keys)[number]

for (const [name, key] of keys) {
  const openssh = formatPrivateKey(key)
  line(
    `parse ${name}, OpenSSH, plain`,
    best(() => parsePrivateKey(openssh), 1000),
  )
  const pkcs8 = formatPrivateKey(key, { format: 'pkcs8' })
  line(
    `parse ${name}, PKCS#8, plain`,
    best(() => parsePrivateKey(pkcs8), 1000),
  )
}
const publicLine = runNowLine(ed25519)
line(
  'parse ed25519 public line',
  best(() => parsePublicKey(publicLine), 5000),
)
const plain = formatPrivateKey(ed25519)
line(
  'parse ed25519 and sign once',
  best(() => parsePrivateKey(plain).sign('ssh-ed25519', new Uint8Array(100)), 1000),
)

for (const rounds of [16, 24]) {
  const text = formatPrivateKey(ed25519, { passphrase, rounds })
  const ours = best(() => parsePrivateKey(text, { passphrase }), 1, 10)
  if (findProgram('ssh-keygen') === undefined) {
    line(`bcrypt, ${rounds} rounds`, ours, 'ssh-keygen is not installed')
    continue
  }
  const [path, plainPath] = [saved(text), saved(plain)]
  // What starting the program takes is not the derivation's.
  const keygen =
    best(() => runNow('ssh-keygen', ['-y', '-P', passphrase, '-f', path]), 1, 10) -
    best(() => runNow('ssh-keygen', ['-y', '-P', '', '-f', plainPath]), 1, 10)
  line(
    `bcrypt, ${rounds} rounds`,
    ours,
    `ssh-keygen ${(keygen / 1000).toFixed(1)} ms: ${(ours / keygen).toFixed(2)} times`,
  )
}

{
  const options = { format: 'ppk', passphrase, memory: 8192, passes: 13 } as const
  const text = formatPrivateKey(ed25519, options)
  const ours = best(() => parsePrivateKey(text, { passphrase }), 1, 5)
  if (findProgram('puttygen') === undefined)
    line('Argon2id, 8 MiB, 13 passes', ours, 'puttygen is not installed')
  else {
    const [path, plainPath] = [saved(text), saved(formatPrivateKey(ed25519, { format: 'ppk' }))]
    const secret = saved(`${passphrase}\n`)
    // Writes the private key without encryption, so that it has to decrypt it.
    const args = ['--new-passphrase', saved(''), '-O', 'private-openssh-new', '-o', join(folder, 'written')]
    const puttygen =
      best(() => runNow('puttygen', [path, '--old-passphrase', secret, ...args]), 1, 5) -
      best(() => runNow('puttygen', [plainPath, ...args]), 1, 5)
    line(
      'Argon2id, 8 MiB, 13 passes',
      ours,
      `puttygen ${(puttygen / 1000).toFixed(1)} ms: ${(ours / puttygen).toFixed(2)} times`,
    )
  }
}

for (const kdf of ['pbkdf2', 'scrypt'] as const) {
  const text = formatPrivateKey(ed25519, { format: 'pkcs8', passphrase, kdf })
  const what = kdf === 'pbkdf2' ? 'PBKDF2-SHA256, 600,000 iterations' : 'scrypt, 16 MiB'
  line(
    what,
    best(() => parsePrivateKey(text, { passphrase }), 1, 3),
  )
}

function runNowLine({ publicKey }: PrivateKey): string {
  return `${publicKey.type} ${Buffer.from(publicKey.blob).toString('base64')} me@example`
}
