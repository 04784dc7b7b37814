/** ECDSA keys in SEC 1 (RFC 5915): `EC PRIVATE KEY`. */

import type { Backend, CurveName, PrivateKeyParts } from '@hawser/crypto'
import { equal, erase } from '@hawser/wire'
import { DerReader, der } from '../der.ts'
import { accepting, KeyError } from '../errors.ts'
import { checkPointForm, curveSize, padded } from '../key-types/ecdsa.ts'
import { curveOfOid, curveOid } from './algorithm-identifier.ts'
import type { PrivateFormat } from './format.ts'
import { decodePem } from './pem-encryption.ts'

type EcdsaPrivate = Extract<PrivateKeyParts, { type: 'ecdsa' }>

export const sec1: PrivateFormat = {
  name: 'SEC 1 EC private key',
  label: 'EC PRIVATE KEY',
  read(block, options) {
    const bytes = decodePem(block, sec1.name, options)
    try {
      return { parts: readEcPrivate(bytes, options.backend), comment: '' }
    } finally {
      erase(bytes)
    }
  },
}

/** ECPrivateKey, also what PKCS#8 wraps, which names the curve outside (`known`). */
export function readEcPrivate(bytes: Uint8Array, backend: Backend, known?: CurveName): EcdsaPrivate {
  const outer = new DerReader(bytes)
  const from = outer.sequence()
  const version = from.small()
  if (version !== 1) throw new KeyError('SSH_KEY_FORMAT', `an EC private key has version 1, not ${version}`)
  const digits = from.octetString()
  const parameters = from.context(0)
  const publicBits = from.context(1)
  from.end()
  outer.end()
  const named = parameters === undefined ? known : readParameters(parameters)
  if (named === undefined) throw new KeyError('SSH_KEY_FORMAT', 'an EC private key does not name its curve')
  if (known !== undefined && named !== known)
    throw new KeyError('SSH_KEY_INVALID', `the key names two curves: ${known} and ${named}`)
  const size = curveSize[named]
  // RFC 5915 §3 wants all bytes of the scalar and no more; old OpenSSL left leading zeros out, PuTTY 0.78 puts one in front.
  const number = digits.length === size + 1 && digits[0] === 0 ? digits.subarray(1) : digits
  if (number.length === 0 || number.length > size)
    throw new KeyError(
      'SSH_KEY_INVALID',
      `a private scalar of ${named} has ${size} bytes, not ${digits.length}`,
    )
  const scalar = padded(number, size)
  const publicKey = accepting(undefined, () =>
    backend.publicFromPrivate({ type: 'ecdsa', curve: named, scalar }),
  )
  if (publicBits !== undefined) {
    const inner = new DerReader(publicBits)
    const point = inner.bitString()
    inner.end()
    checkPointForm(named, point)
    if (!equal(point, publicKey))
      throw new KeyError('SSH_KEY_INVALID', 'the public half is not that of the private one')
  }
  return { type: 'ecdsa', curve: named, publicKey, scalar }
}

/** `withCurve`: name the curve inside too, as `EC PRIVATE KEY` must and PKCS#8 need not. */
export function writeEcPrivate({ curve, scalar, publicKey }: EcdsaPrivate, withCurve: boolean): Uint8Array {
  return der.sequence(
    der.integer(Uint8Array.of(1)),
    der.octetString(scalar),
    ...(withCurve ? [der.context(0, der.oid(curveOid[curve]))] : []),
    der.context(1, der.bitString(publicKey)),
  )
}

function readParameters(bytes: Uint8Array): CurveName {
  const from = new DerReader(bytes)
  const curve = curveOfOid(from)
  from.end()
  return curve
}
