/** The other host keys of a server: it announces them, and proves each before anybody hears of it (OpenSSH PROTOCOL §2.5). */

import { globalRequests } from '@hawser/connection'
import { createVerifier, KeyError, type PublicKey, publicKeyFromBlob, whyUnusable } from '@hawser/keys'
import type { Session } from '@hawser/session'
import { equal, ProtocolError, Reader, utf8Decode } from '@hawser/wire'

const { hostkeys, hostkeysProofData, hostkeysProve, hostkeysProveReply } = globalRequests

/** Keys in one announcement; OpenSSH's servers have three. */
const maxAnnounced = 64

/**
 * Has the server prove the keys of `announcement` (the data of a `hostkeys-00@openssh.com` request). Gives those that we could use,
 * `accepted` (the key of the key exchange, which is proved already) among them if it is announced. Rejects with ProtocolError when
 * a proof is wrong, with GlobalRequestError when the server gives none.
 */
export async function proveHostKeys(
  session: Session,
  announcement: Uint8Array,
  accepted: PublicKey | undefined,
): Promise<readonly PublicKey[]> {
  const keys = usable(announcedKeys(announcement))
  const isAccepted = ({ blob }: PublicKey): boolean => accepted !== undefined && equal(accepted.blob, blob)
  const asked = keys.filter((key) => !isAccepted(key))
  if (asked.length === 0) return keys
  const { sessionId } = session
  if (sessionId === undefined) throw new ProtocolError('host keys were announced before there are any')
  const reply = await session.request(
    hostkeysProve.name,
    hostkeysProve.encode({ keys: asked.map(({ blob }) => blob) }),
  )
  const { signatures } = hostkeysProveReply.decode(reply)
  if (signatures.length !== asked.length)
    throw new ProtocolError(`${signatures.length} proofs for ${asked.length} host keys`)
  const verify = createVerifier()
  asked.forEach((key, at) => {
    const signature = signatures[at] as Uint8Array
    const proved = hostkeysProofData.encode({ label: hostkeysProve.name, sessionId, key: key.blob })
    if (!verify(key, utf8Decode(new Reader(signature).string()), proved, signature))
      throw new ProtocolError(`the server did not prove the ${key.type} host key that it announced`)
  })
  return keys
}

/** The keys of an announcement as blobs, those that we could not use among them. Throws ProtocolError. */
export function announcedKeys(announcement: Uint8Array): readonly Uint8Array[] {
  return hostkeys.decode(announcement).keys
}

/** Keys of types that we do not know, certificates and weak ones are left out; so is what is said twice. */
function usable(blobs: readonly Uint8Array[]): PublicKey[] {
  if (blobs.length > maxAnnounced)
    throw new ProtocolError(`${blobs.length} host keys announced, the limit is ${maxAnnounced}`, {
      code: 'SSH_LIMIT_HOST_KEYS',
    })
  const keys: PublicKey[] = []
  for (const blob of blobs) {
    if (keys.some((known) => equal(known.blob, blob))) continue
    try {
      const key = publicKeyFromBlob(blob)
      if (whyUnusable(key) === undefined) keys.push(key)
    } catch (error) {
      if (!(error instanceof KeyError)) throw error
    }
  }
  return keys
}
