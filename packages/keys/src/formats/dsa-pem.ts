/** DSA keys as OpenSSL wrote them before PKCS#8: `DSA PRIVATE KEY`. */

import type { Backend } from '@hawser/crypto'
import { bigintToBytes, bytesToBigint, erase } from '@hawser/wire'
import { DerReader, der } from '../der.ts'
import { KeyError } from '../errors.ts'
import { checkDsaPrivate, checkDsaPublic } from '../key-types/dsa.ts'
import type { DsaPrivate } from '../key-types/parts.ts'
import type { DsaParameters } from './algorithm-identifier.ts'
import type { PrivateFormat } from './format.ts'
import { decodePem } from './pem-encryption.ts'

export const dsaPem: PrivateFormat = {
  name: 'DSA private key',
  label: 'DSA PRIVATE KEY',
  read(block, options) {
    const bytes = decodePem(block, dsaPem.name, options)
    try {
      return { parts: readDsaPrivate(bytes), comment: '' }
    } finally {
      erase(bytes)
    }
  },
}

/** SEQUENCE of 0, p, q, g, y, x. */
function readDsaPrivate(bytes: Uint8Array): DsaPrivate {
  const outer = new DerReader(bytes)
  const from = outer.sequence()
  const version = from.small()
  if (version !== 0) throw new KeyError('SSH_KEY_FORMAT', `a DSA private key has version 0, not ${version}`)
  const [p, q, g, y, x] = [0, 1, 2, 3, 4].map(() => from.unsigned().slice()) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  from.end()
  outer.end()
  return { ...checkDsaPublic({ type: 'dsa', p, q, g, y }), x }
}

export function writeDsaPrivate(key: DsaPrivate): Uint8Array {
  const { p, q, g, y, x } = key
  return der.sequence(...[new Uint8Array(0), p, q, g, y, x].map((number) => der.integer(number)))
}

/** The key of x alone, as PKCS#8 has it: y is computed. */
export function readDsaValue(content: Uint8Array, parameters: DsaParameters, backend: Backend): DsaPrivate {
  const from = new DerReader(content)
  const x = from.unsigned().slice()
  from.end()
  const { p, q, g } = parameters
  // Sizes and ranges first, so that the arithmetic is bounded; any y in range will do for that.
  const key = { ...checkDsaPublic({ type: 'dsa', p, q, g, y: g }), x }
  if (x.length > q.length) throw new KeyError('SSH_KEY_INVALID', 'dsa: the private value is longer than q')
  const complete = { ...key, y: bigintToBytes(bytesToBigint(backend.modPow(g, x, p))) }
  checkDsaPrivate(backend, complete)
  return { ...complete, ...checkDsaPublic(complete) }
}
