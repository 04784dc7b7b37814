/** A sender whose reader has stopped: what is taken from it is bounded by the window, however much it has. */

import { sessionPair } from '@hawser/test-kit'
import { expect, test } from 'vitest'
import type { Channel } from './channel.ts'

const window = 50_000
const piece = new Uint8Array(10_000)

test.each(['client', 'server'] as const)(
  'the %s sends no more than the window of one that does not read',
  async (role) => {
    const pair = await sessionPair({ client: { window }, server: { window } })
    const accepted = new Promise<Channel>((resolve) => {
      pair.server.onChannel = (open) => resolve(open.accept())
    })
    await pair.client.ready
    const near = await pair.client.openChannel('session')
    const far = await accepted
    const sender = role === 'client' ? near : far
    let taken = 0
    const more = (error?: Error): void => {
      if (error !== undefined) return
      taken += piece.length
      sender.write(piece, 0, more)
    }
    sender.write(piece, 0, more)
    // Whatever can move has moved once a few rounds were answered behind it.
    for (let round = 0; round < 20; round++) await Promise.all([pair.client.ping(), pair.server.ping()])
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThanOrEqual(window)
    await Promise.all([near.close(), far.close()])
  },
)
