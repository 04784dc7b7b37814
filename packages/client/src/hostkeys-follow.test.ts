import { generateKey, type HostKeysAnnouncement } from '@hawser/keys'
import type { TraceEvent } from '@hawser/wire'
import { expect, test } from 'vitest'
import type { HostKeyPolicy, HostKeysUpdate } from './host-key.ts'
import { followHostKeys } from './hostkeys-follow.ts'

const target = { host: 'box', port: 2200 }
const { publicKey } = await generateKey('ed25519')
const announcement: HostKeysAnnouncement = {
  accepted: publicKey,
  proved: [publicKey],
  announced: [publicKey.blob],
}

test('policies that follow nothing leave the handlers as they are', () => {
  const handlers = {}
  const policies: HostKeyPolicy[] = [{ keys: [publicKey] }, { knownHosts: '' }, { ask: () => true }]
  for (const policy of policies) expect(followHostKeys(handlers, policy, target)).toBe(handlers)
})

test('the policy is told for which host, and onHostKeys is told too', () => {
  const updates: HostKeysUpdate[] = []
  const told: unknown[] = []
  const policy: HostKeyPolicy = { knownHosts: '', updateHostKeys: (update) => void updates.push(update) }
  const followed = followHostKeys({ onHostKeys: (keys) => told.push(keys) }, policy, target)
  followed.onHostKeys?.([publicKey], announcement)
  expect(updates).toEqual([{ ...announcement, ...target }])
  expect(told).toEqual([[publicKey]])
})

test('what fails goes to the trace', async () => {
  const noted = await new Promise<TraceEvent>((resolve) => {
    const policy: HostKeyPolicy = {
      knownHosts: '',
      updateHostKeys: () => Promise.reject(new Error('disk full')),
    }
    followHostKeys({ trace: resolve }, policy, target).onHostKeys?.([publicKey], announcement)
  })
  expect(noted).toMatchObject({ type: 'note', detail: 'known_hosts was not updated: disk full' })
})
