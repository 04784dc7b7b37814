/** The ciphers of OpenSSH private key files, one row each. */

import type { Backend } from '@hawser/crypto'
import { erase } from '@hawser/wire'
import { openFile, sealFile } from './chacha20-poly1305.ts'

export interface FileCipher {
  readonly name: string
  /** Bytes of key, and then of iv, that the key derivation must give. */
  readonly keySize: number
  readonly ivSize: number
  /** The private part is padded to a multiple of it. */
  readonly blockSize: number
  /** Bytes of tag behind the private part. */
  readonly tagSize: number
  /** Gives ciphertext and tag. */
  encrypt(
    backend: Backend,
    secret: FileSecret,
    plain: Uint8Array,
  ): { ciphertext: Uint8Array; tag: Uint8Array }
  /** Undefined when there is a tag and it does not fit. */
  decrypt(
    backend: Backend,
    secret: FileSecret,
    ciphertext: Uint8Array,
    tag: Uint8Array,
  ): Uint8Array | undefined
}

export interface FileSecret {
  readonly key: Uint8Array
  readonly iv: Uint8Array
}

const noTag = new Uint8Array(0)

const rows: readonly FileCipher[] = [
  aes('aes256-ctr', 32),
  aes('aes192-ctr', 24),
  aes('aes128-ctr', 16),
  aes('aes256-cbc', 32),
  aes('aes192-cbc', 24),
  aes('aes128-cbc', 16),
  gcm('aes256-gcm@openssh.com', 32),
  gcm('aes128-gcm@openssh.com', 16),
  {
    name: '3des-cbc',
    keySize: 24,
    ivSize: 8,
    blockSize: 8,
    tagSize: 0,
    encrypt: (backend, { key, iv }, plain) => ({
      ciphertext: backend.tripleDesCbc(key, iv, 'encrypt').update(plain),
      tag: noTag,
    }),
    decrypt: (backend, { key, iv }, ciphertext) =>
      backend.tripleDesCbc(key, iv, 'decrypt').update(ciphertext),
  },
  {
    name: 'chacha20-poly1305@openssh.com',
    keySize: 64,
    ivSize: 0,
    blockSize: 8,
    tagSize: 16,
    encrypt: (_backend, { key }, plain) => sealFile(key, plain),
    decrypt: (_backend, { key }, ciphertext, tag) => openFile(key, ciphertext, tag),
  },
]

const byName: ReadonlyMap<string, FileCipher> = new Map(rows.map((row) => [row.name, row]))

export const fileCipherNames: readonly string[] = rows.map(({ name }) => name)

export function fileCipher(name: string): FileCipher | undefined {
  return byName.get(name)
}

function aes(name: `aes${number}-${'ctr' | 'cbc'}`, keySize: number): FileCipher {
  const cipher = (backend: Backend, { key, iv }: FileSecret, direction: 'encrypt' | 'decrypt') =>
    name.endsWith('-ctr') ? backend.aesCtr(key, iv) : backend.aesCbc(key, iv, direction)
  return {
    name,
    keySize,
    ivSize: 16,
    blockSize: 16,
    tagSize: 0,
    encrypt: (backend, secret, plain) => ({
      ciphertext: cipher(backend, secret, 'encrypt').update(plain),
      tag: noTag,
    }),
    decrypt: (backend, secret, ciphertext) => cipher(backend, secret, 'decrypt').update(ciphertext),
  }
}

function gcm(name: string, keySize: number): FileCipher {
  const noAad = new Uint8Array(0)
  return {
    name,
    keySize,
    ivSize: 12,
    blockSize: 16,
    tagSize: 16,
    encrypt: (backend, { key, iv }, plain) => backend.aesGcm(key).seal(iv, noAad, plain),
    decrypt: (backend, { key, iv }, ciphertext, tag) => backend.aesGcm(key).open(iv, noAad, ciphertext, tag),
  }
}

/** Overwrites what was derived from a passphrase. */
export function eraseSecret({ key, iv }: FileSecret): void {
  erase(key, iv)
}
