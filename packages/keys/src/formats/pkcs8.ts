/** Keys of any type in PKCS#8 (RFC 5958): `PRIVATE KEY`, and `ENCRYPTED PRIVATE KEY` around it. */

import type { Backend } from '@hawser/crypto'
import { equal, erase } from '@hawser/wire'
import { decodeBlock } from '../armour.ts'
import { DerReader, der } from '../der.ts'
import { accepting, KeyError } from '../errors.ts'
import type { PrivateParts } from '../key-types/index.ts'
import { readAlgorithm, writeAlgorithm } from './algorithm-identifier.ts'
import { readDsaValue } from './dsa-pem.ts'
import type { PrivateFormat } from './format.ts'
import { openPbes2 } from './pbes2.ts'
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

export const encryptedPkcs8: PrivateFormat = {
  name: 'encrypted PKCS#8 private key',
  label: 'ENCRYPTED PRIVATE KEY',
  read(block, options) {
    const bytes = openPbes2(decodeBlock(block), encryptedPkcs8.name, options)
    try {
      return { parts: readPkcs8(bytes, options.backend), comment: '' }
    } finally {
      erase(bytes)
    }
  },
}

/** OneAsymmetricKey (RFC 5958 §2). */
export function readPkcs8(bytes: Uint8Array, backend: Backend): PrivateParts {
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
    case 'dsa':
      return readDsaValue(content, algorithm, backend)
  }
}

/** Throws {@link KeyError} for types that it has no form for. */
export function writePkcs8(key: PrivateParts): Uint8Array {
  const algorithm = writeAlgorithm(key)
  return der.sequence(der.integer(new Uint8Array(0)), algorithm, der.octetString(contentOf(key)))
}

function contentOf(key: PrivateParts): Uint8Array {
  switch (key.type) {
    case 'rsa':
      return writeRsaPrivate(key)
    case 'ecdsa':
      return writeEcPrivate(key, false)
    case 'ed25519':
      return der.octetString(key.seed)
    case 'dsa':
      return der.integer(key.x)
    case 'sk-ed25519':
    case 'sk-ecdsa':
    case 'mldsa44-ed25519':
      throw new KeyError('SSH_KEY_UNSUPPORTED', `there is no PEM form of keys of type ${key.type}`)
  }
}
