/** Cases about the texts of keys: PEM to the byte, and formats that few tools still write. */

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type KeyFileType,
  makeKeyFile,
  removeFolder,
  runNow,
  sharedKeyFile,
  temporaryFolder,
} from '@hawser/test-kit'
import type { ParsedKey } from 'ssh2'
import { dsaOpenSsh, dsaPem, gcmOpenSsh, gcmPublic, ppk2, ppk2Pem } from './key-texts.ts'
import type { Case, Ssh2 } from './kit.ts'

function parse(ssh2: Ssh2, data: string | Buffer, passphrase?: string): ParsedKey {
  const key = ssh2.utils.parseKey(data, passphrase)
  if (key instanceof Error) throw key
  return key
}

/** The key as ssh-keygen writes it in PEM. */
function pemOf(type: KeyFileType): string {
  const folder = temporaryFolder('pem')
  const path = join(folder, 'key')
  copyFileSync(sharedKeyFile(type).path, path)
  try {
    runNow('ssh-keygen', ['-q', '-p', '-m', 'PEM', '-P', '', '-N', '', '-f', path])
    return readFileSync(path, 'utf8').trimEnd()
  } finally {
    removeFolder(folder)
  }
}

export const keyFileCases: readonly Case[] = [
  {
    line: 'B47 PEM',
    title: 'private PEM to the byte as ssh-keygen writes it, and equal keys when read again',
    run(ssh2) {
      for (const type of ['ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-2048'] as const) {
        const key = parse(ssh2, sharedKeyFile(type).privateText)
        const pem = key.getPrivatePEM()
        strictEqual(pem, pemOf(type))
        strictEqual(key.equals(parse(ssh2, pem)), true)
      }
      const key = parse(ssh2, sharedKeyFile('ed25519').privateText)
      const pem = key.getPrivatePEM()
      strictEqual(createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }).toString().trimEnd(), pem)
      deepStrictEqual(
        createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString().trimEnd(),
        key.getPublicPEM(),
      )
    },
  },
  {
    line: 'B47 public PEM',
    title: 'public PEM to the byte as node:crypto writes it',
    run(ssh2) {
      for (const type of ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-2048'] as const) {
        const pem = parse(ssh2, sharedKeyFile(type).publicLine).getPublicPEM()
        match(pem, /^-----BEGIN PUBLIC KEY-----\n[^]*\n-----END PUBLIC KEY-----$/)
        strictEqual(createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString().trimEnd(), pem)
      }
    },
  },
  {
    line: 'B47 DSA',
    title: 'DSA is read in both formats and written as DSA PRIVATE KEY',
    run(ssh2) {
      const key = parse(ssh2, dsaOpenSsh)
      deepStrictEqual([key.type, key.comment, key.isPrivateKey()], ['ssh-dss', 'dsa comment', true])
      strictEqual(key.getPrivatePEM(), dsaPem)
      strictEqual(key.equals(parse(ssh2, dsaPem)), true)
      strictEqual(
        createPublicKey(dsaPem).export({ type: 'spki', format: 'pem' }).toString().trimEnd(),
        key.getPublicPEM(),
      )
    },
  },
  {
    line: 'B47 DSA signatures',
    title: 'signatures of DSA keys by node:crypto are checked, in DER',
    run(ssh2) {
      const key = parse(ssh2, dsaPem)
      const signature = sign('sha1', Buffer.from('text'), dsaPem)
      strictEqual(key.verify('text', signature), true)
      strictEqual(key.verify('another text', signature), false)
    },
  },
  {
    line: '1.15 encrypted PEM',
    title:
      'RSA and EC PRIVATE KEY with Proc-Type and DEK-Info, and errors without and with a wrong passphrase',
    run(ssh2) {
      for (const type of ['ecdsa-256', 'rsa-2048'] as const) {
        const file = makeKeyFile(type, { format: 'pem', passphrase: 'secret' })
        match(file.privateText, /DEK-Info: /)
        const key = parse(ssh2, file.privateText, 'secret')
        deepStrictEqual([key.type, key.isPrivateKey()], [file.publicLine.split(' ')[0], true])
        match(String(ssh2.utils.parseKey(file.privateText)), /no passphrase/i)
        match(String(ssh2.utils.parseKey(file.privateText, 'wrong')), /bad passphrase\?/i)
      }
    },
  },
  {
    line: '1.15 encrypted PKCS#8',
    title: 'ENCRYPTED PRIVATE KEY, which neither line reads',
    run(ssh2) {
      const file = makeKeyFile('rsa-2048', { format: 'pkcs8', passphrase: 'secret' })
      match(file.privateText, /BEGIN ENCRYPTED PRIVATE KEY/)
      strictEqual(parse(ssh2, file.privateText, 'secret').type, 'ssh-rsa')
      match(String(ssh2.utils.parseKey(file.privateText)), /no passphrase/i)
      match(String(ssh2.utils.parseKey(file.privateText, 'wrong')), /bad passphrase\?/i)
    },
  },
  {
    line: 'B47 PPK',
    title:
      'version 2 of PuTTY, encrypted: the key, its comment, and errors without and with a wrong passphrase',
    run(ssh2) {
      const key = parse(ssh2, ppk2, 'secret')
      deepStrictEqual([key.type, key.comment], ['ssh-rsa', 'ppk "comment"'])
      strictEqual(key.getPrivatePEM(), ppk2Pem)
      match(String(ssh2.utils.parseKey(ppk2)), /no passphrase/i)
      match(String(ssh2.utils.parseKey(ppk2, 'wrong')), /bad passphrase\?/i)
    },
  },
  {
    line: 'B47 GCM',
    covers: ['B46'],
    title: "OpenSSH's format encrypted by AES-GCM: the key, and errors without and with a wrong passphrase",
    run(ssh2) {
      const key = parse(ssh2, gcmOpenSsh, 'secret')
      strictEqual(key.comment, 'gcm comment')
      deepStrictEqual(key.getPublicSSH(), parse(ssh2, gcmPublic).getPublicSSH())
      deepStrictEqual(
        parse(ssh2, gcmOpenSsh, Buffer.from('secret') as never).getPublicSSH(),
        key.getPublicSSH(),
      )
      match(String(ssh2.utils.parseKey(gcmOpenSsh)), /no passphrase/i)
      match(String(ssh2.utils.parseKey(gcmOpenSsh, 'wrong')), /bad passphrase\?|unable to authenticate data/i)
    },
  },
  {
    line: 'B47 RFC 4716',
    title: 'RFC 4716: quotes are stripped, lines that go on are joined, other headers are ignored',
    run(ssh2) {
      const [, base64] = sharedKeyFile('rsa-2048').publicLine.split(' ') as [string, string]
      const text = [
        '---- BEGIN SSH2 PUBLIC KEY ----',
        'Subject: me',
        'Comment: "a comment that goes on and \\',
        'on"',
        ...(base64.match(/.{1,70}/g) ?? []),
        '---- END SSH2 PUBLIC KEY ----',
      ]
      const key = parse(ssh2, text.join('\n'))
      deepStrictEqual([key.type, key.comment], ['ssh-rsa', 'a comment that goes on and on'])
      ok(key.getPublicSSH().equals(Buffer.from(base64, 'base64')))
      ok(parse(ssh2, text.join('\r\n')).getPublicSSH().equals(key.getPublicSSH()))
    },
  },
]
