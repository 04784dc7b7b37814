/** What an idle connection costs a server. */

import { setTimeout as sleep } from 'node:timers/promises'
import { Program, startServer } from './load-program.ts'

/** KiB for each connection that has logged in and does nothing, and milliseconds of the server's CPU for each login. */
export interface IdleCost {
  readonly count: number
  readonly failures: number
  /** Why the first that failed did. */
  readonly reason?: string
  readonly rss: number
  readonly heap: number
  readonly external: number
  readonly loginMs: number
}

/** Logs `count` cheap clients in to a server of `module`: `@hawser/server`, or anything of ssh2's shape. */
export async function idleCost(module: string, count: number): Promise<IdleCost> {
  const { server, port } = await startServer(module)
  const warm = new Program(0, 'load-idle.mjs', { port, count: 50 })
  await warm.next()
  await warm.stop()
  await sleep(1000)
  const before = await server.facts()
  const clients = new Program(0, 'load-idle.mjs', { port, count })
  const { failures, reason } = await clients.next<{ failures: number; reason?: string }>()
  await sleep(1000)
  const after = await server.facts()
  await clients.stop()
  await server.stop()
  const held = after.held - before.held
  const each = (name: 'rss' | 'heapUsed' | 'external'): number => (after[name] - before[name]) / 1024 / held
  return {
    count: held,
    failures,
    ...(reason === undefined ? {} : { reason }),
    rss: each('rss'),
    heap: each('heapUsed'),
    external: each('external'),
    loginMs: ((after.cpu - before.cpu) * 1000) / held,
  }
}
