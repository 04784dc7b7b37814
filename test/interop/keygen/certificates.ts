/** Certificates and revocation lists against `ssh-keygen -s`, `-L`, `-k` and `-Q`. */

import { readFileSync, rmSync } from 'node:fs'
import {
  type Certificate,
  type CertificateRequest,
  certificateListing,
  formatPublicKey,
  issueCertificate,
  parseCertificate,
  parsePublicKey,
  parseRevocationList,
} from '@hawser/keys'
import type { Context, KeyPair, Section } from './context.ts'
import { linesOf } from './fingerprints.ts'

export const listings: Section = {
  name: 'certificate listings (-L), half of them issued by us',
  async run(context, count, tally) {
    const made: Certificate[] = []
    for (let round = 0; round < count; round++)
      made.push(round % 2 === 0 ? theirCertificate(context) : await ourCertificate(context))
    const file = context.file(made.map(({ publicKey }) => `${formatPublicKey(publicKey)}\n`).join(''))
    const { stdout } = context.keygen(['-L', '-f', file])
    const theirs = stdout.split(new RegExp(`^${file}:(?:\\d+:)?\n`, 'm')).slice(1)
    for (const [at, certificate] of made.entries())
      tally.compare(formatPublicKey(certificate.publicKey), certificateListing(certificate), theirs[at])
  },
}

export const revocations: Section = {
  name: 'revocation lists (-Q)',
  kinds: ['ok', 'serial', 'key', 'sha1'],
  async run(context, count, tally) {
    const perList = 10
    for (let done = 0; done < count; done += perList) {
      const authorities = [context.pair('ed25519'), context.pair('rsa-2048', 'ecdsa-256')]
      const things: { readonly path: string; readonly certificate?: Certificate }[] = []
      for (let at = 0; at < Math.min(perList, count - done); at++) {
        if (context.rng.chance(0.25))
          things.push({ path: context.file(`${formatPublicKey(context.publicKey())}\n`, 'key.pub') })
        else {
          const certificate = await issueCertificate(
            {
              kind: context.pick(['user', 'host']),
              key: context.publicKey(),
              keyId: `id ${context.rng.below(12)}`,
              principals: ['somebody'],
              serial: context.rng.below(60),
            },
            context.pick(authorities).key,
          )
          things.push({
            path: context.file(`${formatPublicKey(certificate.publicKey)}\n`, 'cert.pub'),
            certificate,
          })
        }
      }
      const list = makeList(
        context,
        authorities,
        things.map(({ path }) => path),
      )
      const krl = parseRevocationList(readFileSync(list))
      const theirs = linesOf(context.keygen(['-Q', '-f', list, ...things.map(({ path }) => path)]).stdout)
      for (const [at, { path }] of things.entries()) {
        const key = parseLine(readFileSync(path, 'utf8'))
        const comment = 'publicKey' in key ? key.publicKey.comment : key.comment
        const revocation = krl.check(key)
        tally.note(revocation?.by ?? 'ok')
        const answer = revocation === undefined ? 'ok' : 'REVOKED'
        tally.compare(`${list} ${path}`, `${path} (${comment ?? path}): ${answer}`, theirs[at])
      }
    }
  },
}

function parseLine(text: string): Certificate | ReturnType<Context['publicKey']> {
  return text.includes('-cert-v01@') ? parseCertificate(text) : parsePublicKey(text)
}

/** A list by ssh-keygen, of everything that its specifications can say. */
function makeList(context: Context, authorities: readonly KeyPair[], paths: readonly string[]): string {
  const { rng } = context
  const list = context.file('', 'krl')
  rmSync(list)
  const parts = rng.between(1, 3)
  for (let part = 0; part < parts; part++) {
    const lines: string[] = []
    for (let entry = 0; entry < rng.between(1, 5); entry++) {
      const from = rng.between(1, 60)
      lines.push(
        context.pick([
          `serial: ${from}`,
          `serial: ${from}-${from + rng.below(40)}`,
          ...Array.from({ length: 3 }, () => `serial: ${from + entry * 2}`),
          'serial: 18446744073709551000-18446744073709551615',
          `id: id ${rng.below(12)}`,
          `key: ${keyLineOf(context.pick(paths))}`,
          `sha1: ${keyLineOf(context.pick(paths))}`,
          `sha256: ${keyLineOf(context.pick(paths))}`,
        ]),
      )
    }
    // Many single serials become a bitmap.
    if (rng.chance(0.3))
      for (let serial = rng.between(1, 20); serial < 60; serial += rng.between(1, 4))
        lines.push(`serial: ${serial}`)
    const spec = context.file(`${lines.join('\n')}\n`, 'spec')
    const authority = rng.chance(0.75) ? ['-s', `${context.pick(authorities).path}.pub`] : []
    const update = part === 0 ? [] : ['-u']
    const plain = authority.length === 0 ? context.file(withoutSerials(lines), 'spec') : spec
    const { code, stderr } = context.keygen([
      '-q',
      '-k',
      ...update,
      '-f',
      list,
      ...authority,
      '-z',
      String(part),
      plain,
    ])
    if (code !== 0) throw new Error(`ssh-keygen -k: ${stderr} for ${lines.join(' | ')}`)
  }
  if (rng.chance(0.15)) {
    const { code, stderr } = context.keygen([
      '-q',
      '-k',
      '-u',
      '-f',
      list,
      `${context.pick(authorities).path}.pub`,
    ])
    if (code !== 0) throw new Error(`ssh-keygen -k: ${stderr}`)
  }
  return list
}

/** Without an authority ssh-keygen takes keys and fingerprints only. */
function withoutSerials(lines: readonly string[]): string {
  return lines
    .filter((line) => !/^(?:serial|id):/.test(line))
    .map((line) => `${line}\n`)
    .join('')
}

function keyLineOf(path: string): string {
  const text = readFileSync(path, 'utf8')
  return formatPublicKey(text.includes('-cert-v01@') ? parseCertificate(text).key : parsePublicKey(text))
}

const names = ['root', 'alice', 'bob', 'deploy', 'host.example', '*.example', 'ünï', 'two words']

function theirCertificate(context: Context): Certificate {
  const { rng } = context
  const file = context.file(`${formatPublicKey(context.publicKey())}\n`, 'key.pub')
  const isHost = rng.chance(0.4)
  const options = [
    ...context.some(
      ['force-command=ls -l "x"', 'source-address=10.0.0.0/8,1.2.3.4,fd00::/8', 'verify-required'],
      isHost ? 0 : 0.3,
    ),
    ...context.some(
      ['clear', 'no-pty', 'no-x11-forwarding', 'permit-pty', 'no-touch-required'],
      isHost ? 0 : 0.3,
    ),
    ...context.some(
      [
        'critical:mine@example.com=yes',
        'critical:flag@example.com',
        'extension:more@example.com=a b',
        'extension:ä@example.com',
      ],
      0.3,
    ),
  ]
  const principals = context.some(
    names.filter((name) => !name.includes(' ')),
    0.4,
  )
  const { code, stderr } = context.keygen([
    ...[
      '-q',
      '-s',
      context.pair().path,
      '-I',
      context.pick(['me', 'a "quoted" id', 'ünï çødé', 'x'.repeat(300)]),
    ],
    ...(isHost ? ['-h'] : []),
    ...(rng.chance(0.7)
      ? ['-z', context.pick(['1', '77', '18446744073709551615', String(rng.uint32())])]
      : []),
    ...(principals.length === 0 ? [] : ['-n', principals.join(',')]),
    ...context.pick([
      [],
      ['-V', '20200101:20301231235959'],
      ['-V', 'always:20300615'],
      ['-V', '20240229120000:forever'],
      ['-V', '19991231:20380119031408'],
    ]),
    ...options.flatMap((option) => ['-O', option]),
    file,
  ])
  if (code !== 0) throw new Error(`ssh-keygen -s: ${stderr}`)
  return parseCertificate(readFileSync(file.replace(/\.pub$/, '-cert.pub'), 'utf8'))
}

function ourCertificate(context: Context): Promise<Certificate> {
  const { rng } = context
  const kind = context.pick(['user', 'host'] as const)
  const forUsers: Partial<CertificateRequest> = {
    ...(rng.chance(0.3) ? { forceCommand: 'rsync --server' } : {}),
    ...(rng.chance(0.3) ? { sourceAddress: ['192.0.2.0/24', '2001:db8::/32'] } : {}),
    ...(rng.chance(0.3) ? { verifyRequired: true } : {}),
    ...(rng.chance(0.3) ? { extensions: ['permit-pty', { name: 'login@example.com', value: 'x' }] } : {}),
  }
  return issueCertificate(
    {
      kind,
      key: context.publicKey(),
      keyId: context.pick(['', 'me', 'a "quoted" id', 'ünï çødé']),
      principals: context.some(names, 0.4),
      serial: context.pick([0n, 1n, 2n ** 64n - 1n, BigInt(rng.uint32())]),
      ...(rng.chance(0.6) ? { validAfter: new Date(rng.uint32() * 500) } : {}),
      ...(rng.chance(0.6) ? { validBefore: BigInt(rng.uint32()) + 5_000_000_000n } : {}),
      ...(rng.chance(0.2) ? { criticalOptions: [{ name: 'mine@example.com', value: 'v' }] } : {}),
      ...(kind === 'user' ? forUsers : {}),
    },
    context.pair().key,
  )
}
