/** Tells clients all host keys that the server has, and proves them, so that they know the next one before it is needed (OpenSSH PROTOCOL §2.5). */

import { globalRequests } from '@hawser/connection'
import { isCertificate, plainAlgorithm, type Signer } from '@hawser/keys'
import type { IncomingRequest, Session } from '@hawser/session'
import { equal, ProtocolError } from '@hawser/wire'

const { hostkeys, hostkeysProofData, hostkeysProve, hostkeysProveReply } = globalRequests

/** Tells the client on `session`, which is logged in, about all of `keys` but certificates, which are trusted by their authority. */
export function announceHostKeys(session: Session, keys: readonly Signer[]): void {
  const plain = keys.map(({ publicKey }) => publicKey).filter((key) => !isCertificate(key))
  if (plain.length > 0)
    session.notify(hostkeys.name, hostkeys.encode({ keys: plain.map(({ blob }) => blob) }))
}

/**
 * Answers a `hostkeys-prove-00@openssh.com` request by a signature of each key that it names. Refuses it when one is not of `keys`,
 * or named twice. Resolves once it is answered; rejects, after a refusal, when a key cannot sign.
 */
export async function proveHostKeys(
  session: Session,
  request: IncomingRequest,
  keys: readonly Signer[],
): Promise<void> {
  const { negotiated, sessionId } = session
  const wanted = wantedOf(request.data, keys)
  if (wanted === undefined || sessionId === undefined || negotiated === undefined) return request.reject()
  const signatures: Uint8Array[] = []
  try {
    for (const key of wanted) {
      const { algorithms, publicKey } = key
      // An RSA key signs as in the key exchange, if that was with one; OpenSSH insists on it.
      const same = algorithms.find((algorithm) => algorithm === plainAlgorithm(negotiated.serverHostKey))
      const proof = hostkeysProofData.encode({ label: hostkeysProve.name, sessionId, key: publicKey.blob })
      signatures.push(await key.sign(same ?? (algorithms[0] as string), proof))
    }
  } catch (error) {
    request.reject()
    throw error
  }
  request.accept(hostkeysProveReply.encode({ signatures }))
}

function wantedOf(data: Uint8Array, keys: readonly Signer[]): readonly Signer[] | undefined {
  let blobs: readonly Uint8Array[]
  try {
    blobs = hostkeysProve.decode(data).keys
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return undefined
  }
  if (blobs.length === 0 || blobs.length > keys.length) return undefined
  const wanted = new Set<Signer>()
  for (const blob of blobs) {
    const signer = keys.find(({ publicKey }) => equal(publicKey.blob, blob))
    if (signer === undefined || wanted.has(signer)) return undefined
    wanted.add(signer)
  }
  return [...wanted]
}
