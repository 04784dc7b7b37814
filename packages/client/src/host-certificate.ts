/** Whether a host certificate is to be believed by what known_hosts says about authorities. */

import {
  type Certificate,
  checkCertificate,
  type KnownHosts,
  type PublicKey,
  type RevocationList,
} from '@hawser/keys'

/** What a certificate comes to: it is trusted, or says nothing about the host, or must not be trusted, or cannot be. */
export type CertificateStanding =
  | { readonly status: 'trusted' }
  /** No authority is known for the host: the key in it counts, as if it had come alone. */
  | { readonly status: 'no-authority' }
  | { readonly status: 'revoked'; readonly why: string }
  | { readonly status: 'refused'; readonly why: string }

/**
 * Judges `certificate` as ssh does: an `@cert-authority` of the host has signed it, for this host by its name (any port), at this time;
 * neither its key nor its authority is `@revoked`.
 */
export function judgeHostCertificate(
  certificate: Certificate,
  known: KnownHosts,
  target: { readonly host: string; readonly port: number },
  o: { readonly now: Date; readonly revoked: RevocationList | undefined },
): CertificateStanding {
  const { host, port } = target
  const isRevoked = (key: PublicKey): boolean => known.lookup(host, port, key).status === 'revoked'
  if (isRevoked(certificate.authority))
    return { status: 'revoked', why: 'the authority of its certificate is revoked' }
  if (isRevoked(certificate.key) || isRevoked(certificate.publicKey))
    return { status: 'revoked', why: 'its key is revoked' }
  const authorities = known.authoritiesOf(host, port)
  if (authorities.length === 0) return { status: 'no-authority' }
  const verdict = checkCertificate(certificate, {
    kind: 'host',
    principals: [host.toLowerCase()],
    authorities,
    now: o.now,
    ...(o.revoked === undefined ? {} : { revoked: o.revoked }),
  })
  if (verdict.valid) return { status: 'trusted' }
  return { status: verdict.reason === 'revoked' ? 'revoked' : 'refused', why: verdict.message }
}
