/** Keys that present a certificate: the same signatures under the certificate's names (OpenSSH PROTOCOL.certkeys). */

import { equal, UsageError } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import type { PrivateKey, PublicKey, Signer, VerifySignature } from '../key.ts'
import { blobType } from '../public-blob.ts'
import { type Certificate, isCertificate, parseCertificate } from './certificate.ts'
import { certificateSuffix } from './types.ts'

/**
 * `signer` as one that presents `certificate`: logins, agents and hosts use it like any other. Its algorithms are the signer's own with
 * `-cert-v01@openssh.com`; `sign` takes either name. A private key stays one. Throws UsageError when the certificate is for another key.
 */
export function certificateSigner(signer: PrivateKey, certificate: Certificate): PrivateKey
export function certificateSigner(signer: Signer, certificate: Certificate): Signer
export function certificateSigner(signer: Signer | PrivateKey, certificate: Certificate): Signer {
  if (!equal(signer.publicKey.blob, certificate.key.blob))
    throw new UsageError('the certificate is for another key than the signer has')
  const presenting: Signer = {
    publicKey: certificate.publicKey,
    algorithms: Object.freeze(signer.algorithms.map(certificateAlgorithm)),
    sign: (algorithm, data) => signer.sign(plainAlgorithm(algorithm), data),
  }
  if (!('dispose' in signer)) return Object.freeze(presenting)
  const key: PrivateKey = Object.freeze({
    ...presenting,
    comment: certificate.publicKey.comment ?? signer.comment,
    dispose: () => signer.dispose(),
  })
  behind.set(key, signer)
  return key
}

/** The plain keys of those that present certificates. */
const behind = new WeakMap<PrivateKey, PrivateKey>()

/** The key behind one that {@link certificateSigner} gave; undefined for others. */
export function plainKeyBehind(key: PrivateKey): PrivateKey | undefined {
  return behind.get(key)
}

/**
 * A verifier that also takes certificates: checks the signature of the certified key, by the algorithm's plain name. Whether the
 * certificate itself is to be believed is a question of its own: {@link checkCertificate}.
 */
export function certificateVerifier(verify: VerifySignature): VerifySignature {
  const certified = new WeakMap<PublicKey, { readonly blob: Uint8Array; readonly key: PublicKey }>()
  const keyOf = (key: PublicKey): PublicKey => {
    let known = certified.get(key)
    // The bytes decide, not the object: it may belong to someone who changes it.
    if (known === undefined || !equal(known.blob, key.blob)) {
      known = { blob: Uint8Array.from(key.blob), key: parseCertificate(key).key }
      certified.set(key, known)
    }
    return known.key
  }
  return (key, algorithm, data, signature) => {
    if (!isCertificate(key)) return verify(key, algorithm, data, signature)
    if (!algorithm.endsWith(certificateSuffix)) return false
    try {
      if (blobType(key.blob) !== key.type) return false
      return verify(keyOf(key), plainAlgorithm(algorithm), data, signature)
    } catch (error) {
      if (error instanceof KeyError) return false
      throw error
    }
  }
}

/** The name of a signature algorithm with certificates: `rsa-sha2-512-cert-v01@openssh.com`. */
export function certificateAlgorithm(algorithm: string): string {
  return `${algorithm.replace(/@openssh\.com$/, '')}${certificateSuffix}`
}

/** The plain name of an algorithm, which is the one in its signatures: certificates sign as their keys do. Plain names stay as they are. */
export function plainAlgorithm(algorithm: string): string {
  if (!algorithm.endsWith(certificateSuffix)) return algorithm
  const plain = algorithm.slice(0, -certificateSuffix.length)
  return /^(?:webauthn-)?sk-/.test(plain) ? `${plain}@openssh.com` : plain
}
