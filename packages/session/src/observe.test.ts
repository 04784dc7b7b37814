import { channel as diagnosticsChannel } from 'node:diagnostics_channel'
import { sessionPair } from '@hawser/test-kit'
import type { TraceEvent } from '@hawser/wire'
import { expect, test } from 'vitest'
import { type Observation, observed, traceLine } from './observe.ts'

const phase: TraceEvent = { layer: 'session', type: 'phase', phase: 'ready' }
const message: TraceEvent = {
  layer: 'transport',
  type: 'message',
  direction: 'in',
  name: 'kexInit',
  number: 20,
  size: 1000,
}

/** A process with HAWSER_TRACE set, and what it writes. */
function processWith(trace: string | undefined): {
  env: Record<string, string | undefined>
  stderr: { write(text: string): void }
  lines: string[]
} {
  const lines: string[] = []
  return { env: { HAWSER_TRACE: trace }, stderr: { write: (text) => void lines.push(text) }, lines }
}

test('nobody observes: nothing is made, and where there is no process neither', () => {
  const own = (): void => undefined
  expect(observed('client', undefined, undefined)).toBeUndefined()
  expect(observed('client', undefined, processWith(undefined))).toBeUndefined()
  expect(observed('client', own, processWith(''))).toBe(own)
})

test('HAWSER_TRACE shows the layers that it names, beside the own trace', () => {
  const around = processWith('session, userauth')
  const own: TraceEvent[] = []
  const trace = observed('server', (event) => own.push(event), around)
  trace?.(message)
  trace?.(phase)
  expect(own).toEqual([message, phase])
  expect(around.lines).toEqual([expect.stringMatching(/^hawser server \d+ \+\d+ ms session: phase ready\n$/)])
  const all = processWith('all')
  observed('client', undefined, all)?.(message)
  expect(all.lines.join('')).toContain('transport: in kexInit (20), 1000 bytes\n')
})

test('HAWSER_TRACE with a layer that there is not says once which there are', () => {
  const around = processWith('everything')
  observed('client', undefined, around)
  observed('client', undefined, around)
  expect(around.lines).toEqual([
    'hawser: HAWSER_TRACE has "everything"; it takes all, or some of transport,userauth,connection,session,sftp\n',
  ])
})

test('what a peer calls itself cannot steer a terminal', () => {
  const event: TraceEvent = {
    layer: 'transport',
    type: 'ident',
    direction: 'in',
    ident: 'SSH-2.0-a\u001b[2J\r\nb',
  }
  expect(traceLine(event)).toBe('transport: in identification SSH-2.0-a\\u001b[2J\\r\\nb')
})

test('diagnostics_channel: each layer on its own, both roles, numbered, without what is secret', async () => {
  const seen: Observation[] = []
  const take = (given: unknown): void => void seen.push(given as Observation)
  const channels = ['transport', 'userauth', 'session', 'connection'].map((layer) =>
    diagnosticsChannel(`hawser:${layer}`),
  )
  for (const each of channels) each.subscribe(take)
  try {
    const pair = await sessionPair({
      client: {
        auth: ({ attempts }) =>
          attempts.length === 0 ? { method: 'password', password: 'top-secret' } : undefined,
      },
      server: { authMethods: ['password'], onAuth: (exchange) => exchange.accept() },
    })
    await pair.client.ready
    await pair.client.close()
    await pair.server.closed
  } finally {
    for (const each of channels) each.unsubscribe(take)
  }
  expect(new Set(seen.map(({ role }) => role))).toEqual(new Set(['client', 'server']))
  expect(new Set(seen.map(({ connection }) => connection)).size).toBe(2)
  const ofClient = seen.filter(({ role }) => role === 'client').map(({ event }) => event)
  expect(ofClient.flatMap((event) => (event.type === 'phase' ? [event.phase] : []))).toEqual([
    'key-exchange',
    'authentication',
    'ready',
  ])
  const proposals = ofClient.flatMap((event) => (event.type === 'proposal' ? [event] : []))
  expect(proposals.map(({ direction }) => direction)).toEqual(['out', 'in'])
  expect(proposals[0]?.lists['kexAlgorithms']).toContain('curve25519-sha256')
  expect(JSON.stringify(seen)).not.toContain('top-secret')
  const before = seen.length
  const later = await sessionPair()
  await later.client.ready
  await later.client.close()
  expect(seen.length).toBe(before)
})
