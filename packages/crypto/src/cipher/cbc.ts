/** Cipher block chaining (RFC 4253 §6.3): for old peers, by name only. What is done against its weakness is in the packet reader. */

import { concat } from '@hawser/wire'
import type { Backend, StreamCipher } from '../backend.ts'
import { type BlockMode, macCipher } from './mac-cipher.ts'

type Create = (
  backend: Backend,
) => (key: Uint8Array, iv: Uint8Array, direction: 'encrypt' | 'decrypt') => StreamCipher

const aes = chaining(16, (backend) => backend.aesCbc)
const tripleDes = chaining(8, (backend) => backend.tripleDesCbc)

/** RFC 4344 §3.2: 2^32 blocks of 16 bytes; for blocks of 8 bytes, 2^30 bytes. */
const common = { mode: aes, rekeyAfterBytes: 2 ** 36, insecure: true } as const

export const aes128Cbc = macCipher({ name: 'aes128-cbc', keySize: 16, ...common })
export const aes192Cbc = macCipher({ name: 'aes192-cbc', keySize: 24, ...common })
export const aes256Cbc = macCipher({ name: 'aes256-cbc', keySize: 32, ...common })
export const tripleDesCbc = macCipher({
  name: '3des-cbc',
  keySize: 24,
  mode: tripleDes,
  rekeyAfterBytes: 2 ** 30,
  insecure: true,
})

function chaining(blockSize: number, create: Create): BlockMode {
  return {
    blockSize,
    malleable: true,
    encrypt: (backend, key, iv) => create(backend)(key, iv, 'encrypt'),
    decrypt: (backend, key, iv) => create(backend)(key, iv, 'decrypt'),
    previewer(backend, key, iv) {
      // A second chain, which is told what stood before the block that is asked about.
      const chain = create(backend)(key, iv, 'decrypt')
      let before: Uint8Array = iv.slice()
      return {
        first: (block) => chain.update(concat(before, block)).subarray(blockSize),
        passed(ciphertext) {
          // Not slice(): that of a Buffer, which may be lent only, is a view.
          before = Uint8Array.from(ciphertext.subarray(-blockSize))
        },
      }
    },
  }
}
