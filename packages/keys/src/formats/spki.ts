/** Public keys as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): `PUBLIC KEY`. */

import { DerReader, der } from '../der.ts'
import { KeyError } from '../errors.ts'
import { checkDsaPublic } from '../key-types/dsa.ts'
import { checkPointForm } from '../key-types/ecdsa.ts'
import type { PublicParts } from '../key-types/index.ts'
import { readAlgorithm, writeAlgorithm } from './algorithm-identifier.ts'
import { readRsaPublic, writeRsaPublic } from './pkcs1.ts'

export function readSpki(bytes: Uint8Array): PublicParts {
  const outer = new DerReader(bytes)
  const from = outer.sequence()
  const algorithm = readAlgorithm(from)
  const content = from.bitString()
  from.end()
  outer.end()
  switch (algorithm.type) {
    case 'rsa':
      return readRsaPublic(content)
    case 'ecdsa':
      checkPointForm(algorithm.curve, content)
      return { ...algorithm, publicKey: content.slice() }
    case 'ed25519':
      if (content.length !== 32)
        throw new KeyError('SSH_KEY_INVALID', `an ed25519 public key has 32 bytes, not ${content.length}`)
      return { ...algorithm, publicKey: content.slice() }
    case 'dsa': {
      const inner = new DerReader(content)
      const y = inner.unsigned().slice()
      inner.end()
      return checkDsaPublic({ ...algorithm, y })
    }
  }
}

/** Throws {@link KeyError} for types that it has no form for. */
export function writeSpki(key: PublicParts): Uint8Array {
  const algorithm = writeAlgorithm(key)
  const content =
    key.type === 'rsa' ? writeRsaPublic(key) : key.type === 'dsa' ? der.integer(key.y) : key.publicKey
  return der.sequence(algorithm, der.bitString(content))
}
