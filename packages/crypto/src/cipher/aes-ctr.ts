/** AES in counter mode (RFC 4344 §4). */

import type { BlockMode, Previewer } from './mac-cipher.ts'
import { macCipher } from './mac-cipher.ts'

const blockSize = 16

const counterMode: BlockMode = {
  blockSize,
  encrypt: (backend, key, iv) => backend.aesCtr(key, iv),
  decrypt: (backend, key, iv) => backend.aesCtr(key, iv),
  previewer,
}

/** RFC 4344 §3.2: 2^32 blocks of 16 bytes. */
const rekeyAfterBytes = 2 ** 36

export const aes128Ctr = macCipher({ name: 'aes128-ctr', keySize: 16, mode: counterMode, rekeyAfterBytes })
export const aes192Ctr = macCipher({ name: 'aes192-ctr', keySize: 24, mode: counterMode, rekeyAfterBytes })
export const aes256Ctr = macCipher({ name: 'aes256-ctr', keySize: 32, mode: counterMode, rekeyAfterBytes })

/**
 * The key stream of a block is the encrypted counter. Encrypting single blocks is what CBC does to
 * (wanted block XOR its last output), so one running CBC cipher does for all packets.
 */
function previewer(...[backend, key, iv]: Parameters<BlockMode['previewer']>): Previewer {
  const counter = new Uint8Array(iv)
  let last: Uint8Array = new Uint8Array(blockSize)
  const single = backend.aesCbc(key, last, 'encrypt')
  return {
    first(block) {
      last = single.update(xor(counter, last))
      return xor(block, last)
    },
    passed(ciphertext) {
      let carry = ciphertext.length / blockSize
      for (let at = blockSize - 1; at >= 0 && carry > 0; at--) {
        carry += counter[at] as number
        counter[at] = carry & 0xff
        carry >>>= 8
      }
    },
  }
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(blockSize)
  for (let at = 0; at < blockSize; at++) result[at] = (a[at] as number) ^ (b[at] as number)
  return result
}
