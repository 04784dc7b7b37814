/** A crypto provider whose randomness is a seeded sequence: every cookie, padding and ephemeral key comes out the same again. */

import { createECDH, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import {
  type AgreementKeyPair,
  type Backend,
  type CryptoProvider,
  type CurveName,
  createProvider,
} from '@hawser/crypto'
import { Rng } from '@hawser/test-kit'

/** Over `base`, with `random` and the ephemeral keys taken from a sequence of its own. Never for anything but tests. */
export function seededProvider(base: Backend, seed: string): CryptoProvider {
  const rng = new Rng(seed)
  return createProvider({
    ...base,
    random: (length) => rng.bytes(length),
    x25519: () => x25519(rng.bytes(32)),
    ecdh: (curve) => ecdh(curve, rng),
  })
}

/** RFC 8410 §7: a PKCS#8 frame around the 32 bytes, and the frame of a public key. */
const privateFrame = Buffer.from('302e020100300506032b656e04220420', 'hex')
const publicFrame = Buffer.from('302a300506032b656e032100', 'hex')

function x25519(secret: Uint8Array): AgreementKeyPair {
  const privateKey = createPrivateKey({
    key: Buffer.concat([privateFrame, secret]),
    format: 'der',
    type: 'pkcs8',
  })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(publicFrame.length)),
    derive(peer) {
      const publicKey = createPublicKey({
        key: Buffer.concat([publicFrame, peer]),
        format: 'der',
        type: 'spki',
      })
      return new Uint8Array(diffieHellman({ privateKey, publicKey }))
    },
  }
}

const openssl = { nistp256: 'prime256v1', nistp384: 'secp384r1', nistp521: 'secp521r1' } as const
const scalarSize = { nistp256: 32, nistp384: 48, nistp521: 66 } as const

function ecdh(curve: CurveName, rng: Rng): AgreementKeyPair {
  const pair = createECDH(openssl[curve])
  const scalar = rng.bytes(scalarSize[curve])
  // Below the order of each curve, whatever the rest is.
  scalar[0] = 0
  pair.setPrivateKey(scalar)
  return {
    publicKey: new Uint8Array(pair.getPublicKey()),
    derive: (peer) => new Uint8Array(pair.computeSecret(peer)),
  }
}
