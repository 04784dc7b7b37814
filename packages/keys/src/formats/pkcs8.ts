/** Keys of any type in PKCS#8 without encryption (RFC 5958): `PRIVATE KEY`. */

import type { Backend, PrivateKeyParts } from '@hawser/crypto'
import { equal, erase } from '@hawser/wire'
import { decodeBlock } from '../armour.ts'
import { DerReader, der } from '../der.ts'
import { accepting, KeyError } from '../errors.ts'
import { readAlgorithm, writeAlgorithm } from './algorithm-identifier.ts'
import type { PrivateFormat } from './format.ts'
import { readRsaPrivate, writeRsaPrivate } from './pkcs1.ts'
import { readEcPrivate, writeEcPrivate } from './sec1.ts'

export const pkcs8: PrivateFormat = {
  name: 'PKCS#8 private key',
  label: 'PRIVATE KEY',
  read(block, { backend }) {
    const bytes = decodeBlock(block)
    try {
      return { parts: readPkcs8(bytes, backend), comment: '' }
    } finally {
      erase(bytes)
    }
  },
}

/** OneAsymmetricKey (RFC 5958 §2). */
function readPkcs8(bytes: Uint8Array, backend: Backend): PrivateKeyParts {
  const outer = new DerReader(bytes)
  const from = outer.sequence()
  const version = from.small()
  if (version > 1) throw new KeyError('SSH_KEY_FORMAT', `PKCS#8 has version 0 or 1, not ${version}`)
  const algorithm = readAlgorithm(from)
  const content = from.octetString()
  // Attributes, which say nothing about the key.
  from.context(0)
  const publicBits = version === 1 ? from.context(1, { primitive: true }) : undefined
  from.end()
  outer.end()
  switch (algorithm.type) {
    case 'rsa':
      return readRsaPrivate(content)
    case 'ecdsa':
      return readEcPrivate(content, backend, algorithm.curve)
    case 'ed25519': {
      const inner = new DerReader(content)
      // RFC 8410 §7: an OCTET STRING in the OCTET STRING.
      const seed = inner.octetString().slice()
      inner.end()
      if (seed.length !== 32)
        throw new KeyError('SSH_KEY_INVALID', `an ed25519 private key has 32 bytes, not ${seed.length}`)
      const publicKey = accepting(undefined, () => backend.publicFromPrivate({ type: 'ed25519', seed }))
      if (publicBits !== undefined && !equal(publicBits.subarray(1), publicKey))
        throw new KeyError('SSH_KEY_INVALID', 'the public half is not that of the private one')
      return { type: 'ed25519', publicKey, seed }
    }
  }
}

export function writePkcs8(key: PrivateKeyParts): Uint8Array {
  const content =
    key.type === 'rsa'
      ? writeRsaPrivate(key)
      : key.type === 'ecdsa'
        ? writeEcPrivate(key, false)
        : der.octetString(key.seed)
  return der.sequence(der.integer(new Uint8Array(0)), writeAlgorithm(key), der.octetString(content))
}
