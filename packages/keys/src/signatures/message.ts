/** Messages to be signed: bytes, text, or what arrives in pieces, hashed as it comes. */

import type { CryptoProvider } from '@hawser/crypto'
import { UsageError, utf8Encode } from '@hawser/wire'

/** The hashes that signatures over messages may use, best first. */
export const messageHashes = ['sha512', 'sha256'] as const
export type MessageHash = (typeof messageHashes)[number]

/** A web stream, by the part of it that is used; not every runtime lets them be iterated. */
export interface ReadableBytes {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
    releaseLock(): void
  }
}

/** Text is taken as UTF-8. Pieces of streams are hashed and forgotten. */
export type MessageSource =
  | string
  | Uint8Array
  | Iterable<Uint8Array>
  | AsyncIterable<Uint8Array>
  | ReadableBytes

/** The hash of a whole message. Rejects with what its stream fails with. */
export async function digestOfMessage(
  message: MessageSource,
  hash: MessageHash,
  crypto: CryptoProvider,
): Promise<Uint8Array> {
  if (typeof message === 'string') return crypto.backend.hash(hash, utf8Encode(message))
  if (message instanceof Uint8Array) return crypto.backend.hash(hash, message)
  const running = crypto.backend.hashing(hash)
  for await (const piece of piecesOf(message)) {
    if (!(piece instanceof Uint8Array))
      throw new UsageError('a message in pieces must consist of Uint8Arrays')
    running.update(piece)
  }
  return running.digest()
}

function piecesOf(
  message: Exclude<MessageSource, string | Uint8Array>,
): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof message !== 'object' || message === null)
    throw new UsageError('a message must be text, bytes or a stream of bytes')
  if (Symbol.asyncIterator in message || Symbol.iterator in message) return message
  if (typeof message.getReader === 'function') return readAll(message)
  throw new UsageError('a message must be text, bytes or a stream of bytes')
}

async function* readAll(stream: ReadableBytes): AsyncIterable<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      if (value !== undefined) yield value
    }
  } finally {
    reader.releaseLock()
  }
}
