/** Cases about utils: new keys, the file formats, the helpers of the 0.8 line. */

import { deepStrictEqual, match, ok, strictEqual, throws } from 'node:assert'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { sharedKeyFile } from '@hawser/test-kit'
import type { ParsedKey } from 'ssh2'
import { type Case, called, type Ssh2 } from './kit.ts'

interface Pair {
  private: string
  public: string
}
type Helpers = Record<string, (...args: unknown[]) => unknown>

function parse(ssh2: Ssh2, data: string | Buffer, passphrase?: string): ParsedKey {
  const key = ssh2.utils.parseKey(data, passphrase)
  if (key instanceof Error) throw key
  return key
}

function checkPair(
  ssh2: Ssh2,
  { private: own, public: shown }: Pair,
  type: string,
  passphrase?: string,
): void {
  const key = parse(ssh2, own, passphrase)
  strictEqual(key.type, type)
  strictEqual(key.comment, 'a comment')
  match(own, /^-----BEGIN OPENSSH PRIVATE KEY-----\n/)
  deepStrictEqual(parse(ssh2, shown).getPublicSSH(), key.getPublicSSH())
  ok(shown.endsWith(' a comment'))
}

const kinds: readonly [string, object, string][] = [
  ['ed25519', {}, 'ssh-ed25519'],
  ['ecdsa', { bits: 384 }, 'ecdsa-sha2-nistp384'],
  ['rsa', { bits: 2048 }, 'ssh-rsa'],
]

export const utilsCases: readonly Case[] = [
  ...kinds.map(
    ([kind, options, type]): Case => ({
      line: `1.15 generateKeyPair ${kind}`,
      covers: ['1.15 generateKeyPair', '1.15 generateKeyPairSync'],
      title: `${kind}: by callback and at once`,
      async run(ssh2) {
        const utils = ssh2.utils as unknown as Helpers
        const o = { ...options, comment: 'a comment' }
        checkPair(ssh2, utils['generateKeyPairSync']?.(kind, o) as Pair, type)
        checkPair(ssh2, await called<Pair>((callback) => utils['generateKeyPair']?.(kind, o, callback)), type)
      },
    }),
  ),
  {
    line: '1.15 generateKeyPair encrypted',
    title: 'a passphrase and a cipher; nonsense throws',
    run(ssh2) {
      const utils = ssh2.utils as unknown as Helpers
      const o = { comment: 'a comment', passphrase: 'secret', cipher: 'aes256-cbc', rounds: 4 }
      const made = utils['generateKeyPairSync']?.('ed25519', o) as Pair
      checkPair(ssh2, made, 'ssh-ed25519', 'secret')
      match(String(ssh2.utils.parseKey(made.private)), /no passphrase/i)
      throws(() => utils['generateKeyPairSync']?.('elliptic'))
      throws(() => utils['generateKeyPairSync']?.('ecdsa', { bits: 100 }))
    },
  },
  {
    line: 'C22',
    covers: ['1.15 low-level helpers'],
    title: 'readInt, readString and iv_inc of the 0.8 line',
    run(ssh2) {
      const utils = ssh2.utils as unknown as Helpers
      const packet = Buffer.from('00000002686900000001', 'hex')
      strictEqual(utils['readInt']?.(packet, 0), 2)
      strictEqual(utils['readString']?.(packet, 0, 'utf8'), 'hi')
      strictEqual((packet as Buffer & { _pos: number })._pos, 6)
      deepStrictEqual(utils['readString']?.(packet, 0), Buffer.from('hi'))
      strictEqual(utils['readString']?.(packet, 6), false)
      let cleaned = 0
      strictEqual(utils['readInt']?.(packet, 8, { _cleanup: () => cleaned++ }), false)
      strictEqual(cleaned, 1)
      const iv = Buffer.from('0102030400000000000000ff', 'hex')
      utils['iv_inc']?.(iv)
      strictEqual(iv.toString('hex'), '010203040000000000000100')
      const full = Buffer.from('01020304ffffffffffffffff', 'hex')
      utils['iv_inc']?.(full)
      strictEqual(full.toString('hex'), '010203040000000000000000')
    },
  },
  {
    line: 'C22 signatures',
    title: 'signatures from DER to SSH and back',
    run(ssh2) {
      const utils = ssh2.utils as unknown as Helpers
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const der = sign('sha256', Buffer.from('text'), privateKey)
      const ssh = utils['ECDSASigASN1ToSSH']?.(der) as Buffer
      strictEqual(ssh.readUInt32BE(0) <= 33, true)
      const back = utils['sigSSHToASN1']?.(ssh, 'ecdsa-sha2-nistp256') as Buffer
      ok(verify('sha256', Buffer.from('text'), publicKey, back))
      const bare = Buffer.concat([Buffer.alloc(19), Buffer.from([0x80]), Buffer.alloc(20, 7)])
      const dsa = utils['sigSSHToASN1']?.(bare, 'ssh-dss') as Buffer
      deepStrictEqual(utils['DSASigBERToBare']?.(dsa), bare)
    },
  },
  {
    line: '1.15 formats',
    covers: ['B47 RFC 4716'],
    title: 'PEM as node:crypto writes it, and RFC 4716 with a comment over two lines',
    run(ssh2) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const pem = privateKey.export({ type: 'sec1', format: 'pem' }).toString()
      strictEqual(parse(ssh2, pem).getPrivatePEM(), pem.trimEnd())
      const [, base64] = sharedKeyFile('ed25519').publicLine.split(' ') as [string, string]
      const rfc4716 = [
        '---- BEGIN SSH2 PUBLIC KEY ----',
        'Comment: "one \\',
        'two"',
        base64,
        '---- END SSH2 PUBLIC KEY ----',
      ].join('\n')
      const key = parse(ssh2, rfc4716)
      strictEqual(key.comment, 'one two')
      deepStrictEqual(key.getPublicSSH(), Buffer.from(base64, 'base64'))
    },
  },
  {
    line: '1.15 PKCS#8',
    title: 'PKCS#8, which neither line reads',
    run(ssh2) {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const key = parse(ssh2, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
      strictEqual(key.type, 'ssh-rsa')
      strictEqual(
        key.getPrivatePEM(),
        privateKey.export({ type: 'pkcs1', format: 'pem' }).toString().trimEnd(),
      )
    },
  },
]
