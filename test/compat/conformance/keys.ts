/** Cases about utils.parseKey. */

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { createPublicKey, verify } from 'node:crypto'
import { type KeyFileType, makeKeyFile, sharedKeyFile } from '@hawser/test-kit'
import type { ParsedKey } from 'ssh2'
import type { Case, Ssh2 } from './kit.ts'

const types: readonly KeyFileType[] = ['ed25519', 'ecdsa-256', 'ecdsa-521', 'rsa-2048']

function parse(ssh2: Ssh2, data: string | Buffer, passphrase?: string): ParsedKey {
  const key = ssh2.utils.parseKey(data, passphrase)
  if (key instanceof Error) throw key
  return key
}

export const keyCases: readonly Case[] = [
  ...types.map(
    (type): Case => ({
      line: `1.15 parseKey ${type}`,
      title: `private and public ${type}: type, comment, wire form, signatures that node:crypto verifies`,
      run(ssh2) {
        const file = sharedKeyFile(type)
        const [name, base64, ...comment] = file.publicLine.split(' ')
        const own = parse(ssh2, file.privateText)
        const shown = parse(ssh2, file.publicLine)
        strictEqual(own.type, name)
        strictEqual(own.comment, comment.join(' '))
        strictEqual(own.isPrivateKey(), true)
        strictEqual(shown.isPrivateKey(), false)
        deepStrictEqual(own.getPublicSSH(), Buffer.from(base64 as string, 'base64'))
        deepStrictEqual(shown.getPublicSSH(), own.getPublicSSH())
        strictEqual(shown.getPublicPEM(), own.getPublicPEM())
        const hash = type.startsWith('rsa') ? 'sha512' : undefined
        const signature = own.sign('text', hash as never) as Buffer
        ok(Buffer.isBuffer(signature))
        strictEqual(shown.verify('text', signature, hash as never), true)
        strictEqual(shown.verify('another text', signature, hash as never), false)
        const nodeHash = { 'ecdsa-256': 'sha256', 'ecdsa-521': 'sha512', 'rsa-2048': 'sha512' }[
          type as string
        ]
        ok(verify(nodeHash, Buffer.from('text'), createPublicKey(own.getPublicPEM()), signature))
      },
    }),
  ),
  {
    line: 'B47',
    title: 'PEM forms, without a line end; null for the private form of a public key',
    run(ssh2) {
      const heads = types.map((type) => {
        const pem = String(parse(ssh2, sharedKeyFile(type).privateText).getPrivatePEM())
        ok(!pem.endsWith('\n'))
        return pem.split('\n')[0]
      })
      deepStrictEqual(heads, [
        '-----BEGIN PRIVATE KEY-----',
        '-----BEGIN EC PRIVATE KEY-----',
        '-----BEGIN EC PRIVATE KEY-----',
        '-----BEGIN RSA PRIVATE KEY-----',
      ])
      strictEqual(parse(ssh2, sharedKeyFile('ed25519').publicLine).getPrivatePEM() as unknown, null)
    },
  },
  {
    line: 'B47 equals',
    title: 'equals: true for the same key read again',
    run(ssh2) {
      const file = sharedKeyFile('ed25519')
      const key = parse(ssh2, file.privateText)
      strictEqual(key.equals(parse(ssh2, file.privateText)), true)
      strictEqual(key.equals(parse(ssh2, sharedKeyFile('ed25519', 'host').privateText)), false)
    },
  },
  {
    line: 'B46 passphrase',
    title: 'encrypted keys: no passphrase, a bad one, the right one',
    run(ssh2) {
      const file = makeKeyFile('ed25519', { passphrase: 'secret' })
      match(String(ssh2.utils.parseKey(file.privateText)), /no passphrase/i)
      match(
        String(ssh2.utils.parseKey(file.privateText, 'wrong')),
        /bad passphrase\?|unable to authenticate data/i,
      )
      strictEqual(parse(ssh2, file.privateText, 'secret').isPrivateKey(), true)
    },
  },
  {
    line: 'B46 throws',
    title: 'nonsense gives an Error and throws none',
    run(ssh2) {
      for (const nonsense of [
        '',
        'nonsense',
        Buffer.alloc(10),
        '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----',
      ])
        ok(ssh2.utils.parseKey(nonsense) instanceof Error)
    },
  },
  {
    line: 'B46 blob',
    title: 'a raw SSH blob',
    run(ssh2) {
      const key = parse(ssh2, sharedKeyFile('ed25519').publicLine)
      strictEqual(parse(ssh2, key.getPublicSSH()).type, 'ssh-ed25519')
    },
  },
  {
    line: 'C23',
    title: 'a key is its own first element',
    run(ssh2) {
      const key = parse(ssh2, sharedKeyFile('ed25519').privateText) as unknown as Record<string, unknown>
      strictEqual(key[0], key)
      strictEqual(key['length'], 1)
    },
  },
  {
    line: 'B4',
    title: 'buffers have exactly the prototype of Buffer',
    run(ssh2) {
      const key = parse(ssh2, sharedKeyFile('ed25519').publicLine)
      strictEqual(Object.getPrototypeOf(key.getPublicSSH()), Buffer.prototype)
    },
  },
]
