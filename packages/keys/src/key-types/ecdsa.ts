/** ecdsa-sha2-nistp256, -nistp384 and -nistp521 (RFC 5656). */

import type { CurveName, PrivateKeyParts, PublicKeyParts } from '@hawser/crypto'
import { ProtocolError, Reader, Writer } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import { type KeyTypeRow, positiveMpint } from './row.ts'

type Public = Extract<PublicKeyParts, { type: 'ecdsa' }>
type Private = Extract<PrivateKeyParts, { type: 'ecdsa' }>

/** Bytes of a coordinate and of the order of each curve. */
export const curveSize: Readonly<Record<CurveName, number>> = { nistp256: 32, nistp384: 48, nistp521: 66 }

export const nistp256 = ecdsa('nistp256')
export const nistp384 = ecdsa('nistp384')
export const nistp521 = ecdsa('nistp521')

function ecdsa(curve: CurveName): KeyTypeRow<Public, Private> {
  const size = curveSize[curve]

  /** RFC 5656 §3.1: string identifier, string Q. */
  const readPublic = (from: Reader): Public => {
    const name = from.ascii()
    if (name !== curve)
      throw new KeyError(
        'SSH_KEY_INVALID',
        `a key of type ecdsa-sha2-${curve} has a point of the curve ${JSON.stringify(name.slice(0, 40))}`,
      )
    const publicKey = from.string()
    checkPointForm(curve, publicKey)
    return { type: 'ecdsa', curve, publicKey: publicKey.slice() }
  }

  const writePublic = (to: Writer, key: Public | Private): void => {
    to.string(key.curve).string(key.publicKey)
  }

  return {
    name: `ecdsa-sha2-${curve}`,
    readPublic,
    writePublic,

    readPrivate(from) {
      const { publicKey } = readPublic(from)
      return {
        type: 'ecdsa',
        curve,
        publicKey,
        scalar: padded(positiveMpint(from, 'private scalar', size), size),
      }
    },

    writePrivate(to, key) {
      writePublic(to, key)
      to.mpintBytes(key.scalar)
    },

    /** RFC 5656 §3.1.2: mpint r, mpint s, of r ‖ s. */
    encodeSignature(raw) {
      return new Writer(2 * size + 10)
        .mpintBytes(raw.subarray(0, size))
        .mpintBytes(raw.subarray(size))
        .finish()
    },

    decodeSignature(encoded) {
      const raw = new Uint8Array(2 * size)
      try {
        const from = new Reader(encoded, 'ecdsa signature')
        for (const [index, name] of ['r', 's'].entries()) {
          const number = positiveMpint(from, name, size)
          raw.set(number, (index + 1) * size - number.length)
        }
        from.end()
      } catch (error) {
        if (error instanceof ProtocolError) return undefined
        throw error
      }
      return raw
    },
  }
}

/** Refuses what is not an uncompressed point by its form; whether it is on the curve is the backend's to say. */
export function checkPointForm(curve: CurveName, point: Uint8Array): void {
  const length = 1 + 2 * curveSize[curve]
  if (point.length !== length || point[0] !== 4)
    throw new KeyError(
      'SSH_KEY_INVALID',
      `a point of ${curve} must be uncompressed: ${length} bytes of which the first is 4; this one has ${point.length}${point.length === 0 ? '' : ` and starts with ${point[0]}`}`,
    )
}

/** `number` with zeros in front up to `size` bytes. */
export function padded(number: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  bytes.set(number, size - number.length)
  return bytes
}
