/** Everything that negotiation can choose from, put together over a backend. */

import { backend as platformBackend } from '#backend'
import { agreements } from './agreement/index.ts'
import type { CipherAlgorithm, CryptoProvider } from './algorithm.ts'
import type { Backend } from './backend.ts'
import { ciphers } from './cipher/index.ts'
import { compressions } from './compression.ts'
import { macs } from './mac.ts'

/** All algorithms of this package over `backend`, most preferred first. */
export function createProvider(backend: Backend): CryptoProvider {
  return Object.freeze({
    backend,
    agreements,
    ciphers: ordered(backend, ciphers),
    macs,
    compressions,
  })
}

/** Over the runtime's own primitives: node:crypto in Node, Bun and Deno, noble elsewhere. */
export const defaultProvider: CryptoProvider = createProvider(platformBackend)

/** AES is fast where the processor's instructions for it can be reached; without them it is the slowest by far, and leaks by timing. */
function ordered(backend: Backend, all: readonly CipherAlgorithm[]): readonly CipherAlgorithm[] {
  if (backend.name === 'node') return all
  const isChacha = (cipher: CipherAlgorithm): boolean => cipher.name.startsWith('chacha20')
  return Object.freeze([...all.filter(isChacha), ...all.filter((cipher) => !isChacha(cipher))])
}
