/** A channel's first window: as large as whoever opens it says, where the session lets windows grow to that. */

import { sessionPair } from '@hawser/test-kit'
import { expect, test, vi } from 'vitest'
import type { SessionOptions } from './index.ts'

const start = 2_097_152

test.each<[string, SessionOptions, number | undefined, number]>([
  ['said to be larger', {}, 5_000_000, 5_000_000],
  ['said to be smaller than it is anyway', {}, 1000, start],
  ['not said', {}, undefined, start],
  ['over where windows end', { maxWindow: 3_000_000 }, 5_000_000, 3_000_000],
  ['where the session has a size for all', { window: 100_000 }, 5_000_000, 100_000],
])('%s', async (_what, client, firstWindow, expected) => {
  const pair = await sessionPair({ client })
  pair.server.onChannel = (open) => {
    const channel = open.accept()
    for (let i = 0; i < 80; i++) channel.write(new Uint8Array(100_000))
  }
  await pair.client.ready
  const channel = await pair.client.openChannel(
    'session',
    undefined,
    firstWindow === undefined ? {} : { firstWindow },
  )
  let delivered = 0
  channel.attach(0, {
    data: (bytes) => {
      delivered += bytes.length
    },
    end: () => undefined,
    close: () => undefined,
  })
  await vi.waitFor(() => expect(delivered).toBe(expected))
  await pair.client.rekey() // a round trip: whatever was going to arrive has
  expect(delivered).toBe(expected)
  await pair.client.close()
})
