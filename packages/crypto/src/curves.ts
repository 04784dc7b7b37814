/** Sizes, orders and object identifiers of the NIST curves, shared by the backends. */

import type { CurveName } from './backend.ts'

export interface CurveFacts {
  /** Bytes of a coordinate and of a scalar; the same for all three curves. */
  readonly size: number
  /** Order of the group: scalars, r and s are in 1 … order - 1 (FIPS 186-4 appendix D.1.2). */
  readonly order: bigint
  /** DER of the curve's object identifier (RFC 5480 §2.1.1.1), with tag and length. */
  readonly oid: readonly number[]
  /** OpenSSL's name. */
  readonly openssl: string
}

export const curves: Readonly<Record<CurveName, CurveFacts>> = {
  nistp256: {
    size: 32,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    oid: [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    openssl: 'prime256v1',
  },
  nistp384: {
    size: 48,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
    openssl: 'secp384r1',
  },
  nistp521: {
    size: 66,
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
    openssl: 'secp521r1',
  },
}

/** Refuses everything that is not an uncompressed point by its form; whether it is on the curve is the backend's to say. */
export function checkPointForm(curve: CurveName, point: Uint8Array): void {
  const length = 1 + 2 * curves[curve].size
  if (point.length !== length || point[0] !== 4)
    throw new RangeError(
      `${curve}: a point must be uncompressed, ${length} bytes that start with 4; this one has ${point.length} bytes and starts with ${point[0]}`,
    )
}

/** Refuses a private scalar of the wrong length. */
export function checkScalarLength(curve: CurveName, scalar: Uint8Array): void {
  const { size } = curves[curve]
  if (scalar.length !== size)
    throw new RangeError(`${curve}: a private scalar has ${size} bytes, not ${scalar.length}`)
}
