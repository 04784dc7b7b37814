/** What a program's Node streams make of a connection that is lost: nothing that has arrived is taken away, nothing that is missing is hidden. */

import { buffer } from 'node:stream/consumers'
import type { Channel } from '@hawser/session'
import { toNodeDuplex, toNodeReadable } from '@hawser/session/node'
import { sessionPair } from '@hawser/test-kit'
import { expect, test } from 'vitest'

const sent = new Uint8Array(100_000).fill(7)

/** A channel of a pair of sessions: what the client has sent by now, and perhaps its EOF, is with the server. */
async function loseAfter(eof: boolean): Promise<{ readonly channel: Channel; lose(): Promise<void> }> {
  const { client, server, cut } = await sessionPair()
  const opened = new Promise<Channel>((resolve) => {
    server.onChannel = (open) => resolve(open.accept())
  })
  await client.ready
  const ours = await client.openChannel('session')
  const channel = await opened
  const written = new Promise((resolve) => ours.write(sent, 0, resolve))
  if (eof) ours.eof()
  await written
  // The line in memory delivers in microtasks: a turn later everything is there.
  await new Promise((resolve) => setImmediate(resolve))
  expect(channel.remoteEnded).toBe(eof)
  return {
    channel,
    lose: async () => {
      cut(new Error('the line broke'))
      await server.closed
    },
  }
}

test('after EOF a reader gets everything, although the connection was lost meanwhile', async () => {
  const { channel, lose } = await loseAfter(true)
  const readable = toNodeReadable(channel, 0)
  await lose()
  expect((await buffer(readable)).equals(sent)).toBe(true)
})

test('nobody has to listen for errors of a stream that is complete', async () => {
  const { channel, lose } = await loseAfter(true)
  const errors: unknown[] = []
  const readable = toNodeReadable(channel, 0)
  readable.on('error', (error) => errors.push(error))
  await lose()
  await new Promise((resolve) => setImmediate(resolve))
  expect(errors).toEqual([])
  expect(readable.destroyed).toBe(false)
})

test('a duplex gives everything to its reader and then tells its writer of the loss', async () => {
  const { channel, lose } = await loseAfter(true)
  const duplex = toNodeDuplex(channel)
  const errors: unknown[] = []
  duplex.on('error', (error) => errors.push(error))
  await lose()
  let length = 0
  duplex.on('data', (chunk: Buffer) => {
    length += chunk.length
  })
  await new Promise((resolve) => duplex.once('close', resolve))
  expect(length).toBe(sent.length)
  expect(errors).toMatchObject([{ code: 'SSH_CONNECTION_LOST' }])
})

test('before EOF the reader learns that something is missing', async () => {
  const { channel, lose } = await loseAfter(false)
  const readable = toNodeReadable(channel, 0)
  const reading = buffer(readable)
  const failed = expect(reading).rejects.toMatchObject({ code: 'SSH_CONNECTION_LOST' })
  await lose()
  await failed
})
