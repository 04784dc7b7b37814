/** Public keys as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): `PUBLIC KEY`. */

import type { PublicKeyParts } from '@hawser/crypto'
import { DerReader, der } from '../der.ts'
import { KeyError } from '../errors.ts'
import { checkPointForm } from '../key-types/ecdsa.ts'
import { readAlgorithm, writeAlgorithm } from './algorithm-identifier.ts'
import { readRsaPublic } from './pkcs1.ts'

export function readSpki(bytes: Uint8Array): PublicKeyParts {
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
  }
}

export function writeSpki(key: PublicKeyParts): Uint8Array {
  const content = key.type === 'rsa' ? der.sequence(der.integer(key.n), der.integer(key.e)) : key.publicKey
  return der.sequence(writeAlgorithm(key), der.bitString(content))
}
