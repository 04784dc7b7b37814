/** All ciphers that can be negotiated. */

import type { CipherAlgorithm } from '../algorithm.ts'
import { aes128Ctr, aes192Ctr, aes256Ctr } from './aes-ctr.ts'
import { aes128Cbc, aes192Cbc, aes256Cbc, tripleDesCbc } from './cbc.ts'
import { chacha20Poly1305 } from './chacha20-poly1305.ts'
import { aes128Gcm, aes256Gcm } from './gcm.ts'

/** In order of preference; a new one is a row here. CTR goes before ChaCha20, which is not safe with peers of before 2024 (CVE-2023-48795). */
export const ciphers: readonly CipherAlgorithm[] = Object.freeze([
  aes128Gcm,
  aes256Gcm,
  aes128Ctr,
  aes192Ctr,
  aes256Ctr,
  chacha20Poly1305,
  aes256Cbc,
  aes192Cbc,
  aes128Cbc,
  tripleDesCbc,
])
