/** What the interop tests of client and server share. */

import { createHash } from 'node:crypto'
import { type Client, type ConnectOptions, connect } from '@hawser/client'
import { generateKey, type PrivateKey, type PublicKey, publicKeyFromBlob } from '@hawser/keys'
import type { Sshd } from '@hawser/test-kit'

/** A key pair of ours that may log in everywhere in these tests. */
export const userKey: PrivateKey = await generateKey('ed25519', { comment: 'interop' })

/** A line of authorized_keys. */
export function publicLine(key: PublicKey): string {
  return `${key.type} ${Buffer.from(key.blob).toString('base64')} interop`
}

/** The key of a public line. */
export function keyOf(line: string): PublicKey {
  return publicKeyFromBlob(new Uint8Array(Buffer.from(line.split(' ')[1] ?? '', 'base64')))
}

/** Options that log in to `sshd`, and trust its host keys and no others. */
export function optionsFor(sshd: Sshd, more: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: sshd.host,
    port: sshd.port,
    user: sshd.user,
    auth: [{ method: 'publickey', signer: userKey }],
    hostKey: { keys: [...sshd.hostKeys.values()].map(({ publicLine: line }) => keyOf(line)) },
    ...more,
  }
}

export function clientOf(sshd: Sshd, more: Partial<ConnectOptions> = {}): Promise<Client> {
  return connect(optionsFor(sshd, more))
}

/** `total` bytes that are the same for everybody who asks for them, in pieces of up to 64 KiB. */
export function* bytes(total: number): Generator<Uint8Array> {
  const block = new Uint8Array(65_536)
  for (let at = 0; at < block.length; at++) block[at] = (at * 31 + (at >> 8)) & 0xff
  for (let sent = 0; sent < total; sent += block.length)
    yield block.subarray(0, Math.min(block.length, total - sent))
}

/** SHA-256 of {@link bytes}. */
export function checksumOf(total: number): string {
  const hash = createHash('sha256')
  for (const piece of bytes(total)) hash.update(piece)
  return hash.digest('hex')
}

export async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** SHA-256 and length of everything that `stream` gives. */
export async function digestOf(
  stream: ReadableStream<Uint8Array>,
): Promise<{ hash: string; length: number }> {
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    length += chunk.length
  }
  return { hash: hash.digest('hex'), length }
}

export async function writeAll(
  stream: WritableStream<Uint8Array>,
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  const writer = stream.getWriter()
  for (const piece of pieces) {
    await writer.ready
    void writer.write(piece)
  }
  await writer.close()
}
