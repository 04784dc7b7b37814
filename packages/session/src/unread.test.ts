/** Data that nobody reads (OpenSSH PROTOCOL §2.1, `eow@openssh.com`), and signs of life. */

import { sessionPair } from '@hawser/test-kit'
import { expect, test, vi } from 'vitest'
import type { Channel } from './channel.ts'

async function opened(ident = 'Hawser_0.1.0'): Promise<{ near: Channel; far: Channel }> {
  const pair = await sessionPair({ client: { window: 50_000 }, server: { ident } })
  const far = new Promise<Channel>((resolve) => {
    pair.server.onChannel = (open) => resolve(open.accept())
  })
  await pair.client.ready
  return { near: await pair.client.openChannel('session'), far: await far }
}

test('a stream that is cancelled stops its writer, which loses nothing but what nobody reads', async () => {
  const { near, far } = await opened()
  const stderr: number[] = []
  near.attach(1, {
    data: (bytes) => void stderr.push(bytes.length),
    end: () => undefined,
    close: () => undefined,
  })
  const done = vi.fn()
  const unread = vi.fn()
  far.onUnread = unread
  far.write(new Uint8Array(1_000_000), 0, done)
  far.write(new Uint8Array(7), 1, done)
  await near.readable.cancel()
  await vi.waitFor(() => expect(done).toHaveBeenCalledTimes(2))
  expect(done.mock.calls).toEqual([[], [undefined]])
  expect(unread).toHaveBeenCalledTimes(1)
  expect(far.unread).toBe(true)
  far.write(new Uint8Array(1_000_000), 0, done)
  expect(done).toHaveBeenCalledTimes(3)
  expect(stderr).toEqual([7])
  await Promise.all([far.close(), near.close()])
  expect([near.error, far.error]).toEqual([undefined, undefined])
})

test('it is told once, and only to those who know it', async () => {
  for (const [ident, names] of [
    ['Hawser_0.1.0', ['eow@openssh.com', 'x@example.com']],
    ['Other_1', ['x@example.com']],
  ] as const) {
    const { near, far } = await opened(ident)
    const seen: string[] = []
    far.onRequest = (request) => void seen.push(request.name)
    near.stopReading()
    near.stopReading()
    near.notify('x@example.com')
    await vi.waitFor(() => expect(seen).toEqual(['x@example.com']))
    expect(far.unread).toBe(names.length === 2)
    await Promise.all([far.close(), near.close()])
  }
})

test('pings are answered, both ways and in the middle of new keys; a lost connection fails them', async () => {
  const pair = await sessionPair()
  await Promise.all([pair.client.ready, pair.server.ready])
  const rekeyed = pair.client.rekey()
  const pings = await Promise.all([pair.client.ping(), pair.client.ping(), pair.server.ping()])
  for (const milliseconds of pings) expect(milliseconds).toBeGreaterThanOrEqual(0)
  await rekeyed
  const late = pair.client.ping()
  pair.client.destroy()
  await expect(late).rejects.toMatchObject({ code: 'SSH_CLOSED' })
})
