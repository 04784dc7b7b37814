/** A server's host keys after the login: announced, and proved to be its own (OpenSSH PROTOCOL §2.5). */

import type { EventEmitter } from 'node:events'
import { globalRequests } from '@hawser/connection'
import { isCertificate, plainAlgorithm, publicKeyFromBlob, type Signer } from '@hawser/keys'
import type { IncomingRequest, Session } from '@hawser/session'
import { decoded } from './decode.ts'
import { ParsedKey, verifySignature } from './keys.ts'
import { Link } from './link.ts'
import type { DebugFunction } from './types.ts'

/** Most keys that are asked about or proved. */
const mostKeys = 64

export function asksForProof({ name }: IncomingRequest): boolean {
  return name === globalRequests.hostkeysProve.name
}

/** Server: tells the client all keys that the server has; certificates are trusted by their authority. */
export function announceHostKeys(session: Session, keys: readonly Signer[]): void {
  const plain = keys.map(({ publicKey }) => publicKey).filter((key) => !isCertificate(key))
  session.notify(
    globalRequests.hostkeys.name,
    globalRequests.hostkeys.encode({ keys: plain.map(({ blob }) => blob) }),
  )
}

/** Server: signs for every key that the client asks about; refuses when one of them is not ours. */
export async function proveHostKeys(
  session: Session,
  keys: readonly Signer[],
  request: IncomingRequest,
): Promise<void> {
  const asked = decoded(globalRequests.hostkeysProve, request.data)?.keys ?? []
  const signers = asked.map((blob) => keys.find(({ publicKey }) => same(publicKey.blob, blob)))
  if (asked.length === 0 || asked.length > mostKeys || signers.includes(undefined)) return request.reject()
  const signatures = await Promise.all(
    (signers as Signer[]).map(async (signer) =>
      signer.sign(proofAlgorithm(session, signer), proofData(session, signer.publicKey.blob)),
    ),
  )
  request.accept(globalRequests.hostkeysProveReply.encode({ signatures }))
}

/** Client: answers the server's global requests; announced host keys that are proved come as `hostkeys`. */
export function offerHostKeys(
  session: Session,
  emitter: EventEmitter,
  debug: DebugFunction | undefined,
): void {
  session.onRequest = (asked) => {
    if (asked.name !== globalRequests.hostkeys.name || emitter.listenerCount('hostkeys') === 0)
      return asked.reject()
    asked.accept()
    provenHostKeys(session, asked).then(
      (keys) => {
        if (keys.length > 0) Link.run(() => emitter.emit('hostkeys', keys))
      },
      (error: Error) => debug?.(`Host keys: ${error.message}`),
    )
  }
}

/** Those of the announced keys that the server proves to have. Rejects when it refuses or proves wrongly. */
async function provenHostKeys(session: Session, announced: IncomingRequest): Promise<ParsedKey[]> {
  const blobs = decoded(globalRequests.hostkeys, announced.data)?.keys ?? []
  const keys = blobs.slice(0, mostKeys).flatMap((blob) => readable(blob) ?? [])
  if (keys.length === 0) return []
  const reply = await session.request(
    globalRequests.hostkeysProve.name,
    globalRequests.hostkeysProve.encode({ keys: keys.map(({ blob }) => blob) }),
  )
  const signatures = decoded(globalRequests.hostkeysProveReply, reply)?.signatures ?? []
  if (signatures.length !== keys.length)
    throw new Error(`the server gave ${signatures.length} proofs for ${keys.length} host keys`)
  return keys
    .filter((key, at) => proves(session, key, signatures[at] as Uint8Array))
    .map((key) => new ParsedKey(key))
}

type Key = ReturnType<typeof publicKeyFromBlob>

/** Kinds of keys that we cannot check are left out, as if they had not been announced. */
function readable(blob: Uint8Array): Key | undefined {
  try {
    return publicKeyFromBlob(blob)
  } catch {
    return undefined
  }
}

function proves(session: Session, key: Key, signature: Uint8Array): boolean {
  const algorithms = key.type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [key.type]
  const data = proofData(session, key.blob)
  return algorithms.some((algorithm) => verifySignature(key, algorithm, data, signature))
}

/** For RSA the algorithm of the key exchange, where that is one; clients hold us to it. */
function proofAlgorithm(session: Session, { algorithms }: Signer): string {
  const agreed = plainAlgorithm(session.negotiated?.serverHostKey ?? '')
  return algorithms.find((name) => name === agreed) ?? (algorithms[0] as string)
}

function proofData(session: Session, key: Uint8Array): Uint8Array {
  return globalRequests.hostkeysProofData.encode({
    label: globalRequests.hostkeysProve.name,
    sessionId: session.sessionId as Uint8Array,
    key,
  })
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
