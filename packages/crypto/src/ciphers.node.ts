/** Ciphers by node:crypto. */

import * as crypto from 'node:crypto'
import { equal } from '@hawser/wire'
import type { Aead, Backend, StreamCipher } from './backend.ts'
import { checkBlocks, checkTripleDes, tripleDesCbc as ownTripleDesCbc } from './des.ts'

/** node:crypto gives Buffers, whose slice() is a view and whose class would show: hand on the same memory as a Uint8Array. */
export function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

const noBuffer = plain(new Uint8Array(0))

export function aesGcm(secret: Uint8Array): Aead {
  const key = aesKey(secret)
  const name = `aes-${secret.length * 8}-gcm` as crypto.CipherGCMTypes
  const options = { authTagLength: 16 }
  return {
    seal(nonce, aad, data) {
      checkNonce(nonce)
      const cipher = crypto.createCipheriv(name, key, nonce, options)
      cipher.setAAD(aad)
      const ciphertext = data.length === 0 ? noBuffer : plain(cipher.update(data))
      cipher.final()
      return { ciphertext, tag: plain(cipher.getAuthTag()) }
    },
    open(nonce, aad, ciphertext, tag) {
      checkNonce(nonce)
      if (tag.length !== 16) return undefined
      const decipher = crypto.createDecipheriv(name, key, nonce, options)
      decipher.setAAD(aad)
      decipher.setAuthTag(tag)
      const data = ciphertext.length === 0 ? noBuffer : plain(decipher.update(ciphertext))
      try {
        decipher.final()
      } catch {
        // The only reason for final() of an AEAD to fail.
        return undefined
      }
      return data
    },
  }
}

export function aesCtr(secret: Uint8Array, iv: Uint8Array): StreamCipher {
  const key = aesKey(secret)
  checkIv(iv)
  const cipher = crypto.createCipheriv(`aes-${secret.length * 8}-ctr`, key, iv)
  return { update: (data) => plain(cipher.update(data)) }
}

export function aesCbc(secret: Uint8Array, iv: Uint8Array, direction: 'encrypt' | 'decrypt'): StreamCipher {
  const key = aesKey(secret)
  checkIv(iv)
  const name = `aes-${secret.length * 8}-cbc`
  const cipher =
    direction === 'encrypt' ? crypto.createCipheriv(name, key, iv) : crypto.createDecipheriv(name, key, iv)
  cipher.setAutoPadding(false)
  return {
    update(data) {
      if (data.length % 16 !== 0) throw new RangeError(`aes-cbc: ${data.length} bytes are not whole blocks`)
      return plain(cipher.update(data))
    },
  }
}

/** OpenSSL's where it is there: builds for FIPS and some runtimes have none. */
export function tripleDesCbc(
  key: Uint8Array,
  iv: Uint8Array,
  direction: 'encrypt' | 'decrypt',
): StreamCipher {
  checkTripleDes(key, iv)
  const create = direction === 'encrypt' ? crypto.createCipheriv : crypto.createDecipheriv
  let cipher: ReturnType<typeof crypto.createCipheriv> | ReturnType<typeof crypto.createDecipheriv>
  try {
    cipher = create('des-ede3-cbc', key, iv)
  } catch {
    // With arguments of these lengths, the only reason is that there is no such cipher.
    return ownTripleDesCbc(key, iv, direction)
  }
  cipher.setAutoPadding(false)
  return {
    update(data) {
      checkBlocks(data)
      return plain(cipher.update(data))
    },
  }
}

function aesKey(key: Uint8Array): crypto.KeyObject {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32)
    throw new RangeError(`aes: a key has 16, 24 or 32 bytes, not ${key.length}`)
  return crypto.createSecretKey(key)
}

function checkIv(iv: Uint8Array): void {
  if (iv.length !== 16) throw new RangeError(`aes: an iv has 16 bytes, not ${iv.length}`)
}

function checkNonce(nonce: Uint8Array): void {
  if (nonce.length !== 12) throw new RangeError(`aes-gcm: a nonce has 12 bytes, not ${nonce.length}`)
}

/** Raw ChaCha20, which Bun's BoringSSL and FIPS builds of OpenSSL do not have. */
function findChacha20(): Backend['chacha20'] {
  const prepared = new WeakMap<Uint8Array, { readonly bytes: Uint8Array; readonly key: crypto.KeyObject }>()
  // A key object per packet costs 10 µs on Node 24, so one is kept for as long as the caller's array lives unchanged.
  const keyOf = (secret: Uint8Array): crypto.KeyObject => {
    const known = prepared.get(secret)
    if (known !== undefined && equal(known.bytes, secret)) return known.key
    const key = crypto.createSecretKey(secret)
    prepared.set(secret, { bytes: Uint8Array.from(secret), key })
    return key
  }
  const run: Backend['chacha20'] = (key, counterAndNonce, data) =>
    plain(crypto.createCipheriv('chacha20', keyOf(key), counterAndNonce).update(data))
  try {
    run(new Uint8Array(32), new Uint8Array(16), new Uint8Array(1))
    return run
  } catch {
    return undefined
  }
}

export const chacha20 = findChacha20()
