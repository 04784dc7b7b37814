/** What every session of a process tells observers: on `node:diagnostics_channel`, and on standard error as `HAWSER_TRACE` says. */

import type { Trace, TraceEvent } from '@hawser/wire'

/** A message on the channels `hawser:transport`, `hawser:userauth`, `hawser:connection`, `hawser:session`, `hawser:sftp`. */
export interface Observation {
  /** Counts the connections of this process, from 1. */
  readonly connection: number
  readonly role: 'client' | 'server'
  /** Milliseconds since the connection began. */
  readonly ms: number
  /** Never holds keys, passwords, or what channels carry. */
  readonly event: TraceEvent
}

type Layer = TraceEvent['layer']

const layers: readonly Layer[] = ['transport', 'userauth', 'connection', 'session', 'sftp']

/** What of Node, or of a runtime like it, is used here; nothing of it need be there. */
interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly stderr?: { write(text: string): unknown }
  getBuiltinModule?(name: 'node:diagnostics_channel'): {
    channel(name: string): { readonly hasSubscribers: boolean; publish(message: Observation): void }
  }
}

let connections = 0
let complained = false

/** `own` and whoever else observes a connection that begins now; undefined when nobody does, so that nothing is made for nobody. */
export function observed(
  role: 'client' | 'server',
  own: Trace | undefined,
  around: Surroundings | undefined = (globalThis as { process?: Surroundings }).process,
): Trace | undefined {
  const connection = ++connections
  const shown = shownLayers(around)
  const channels = new Map(
    layers.flatMap((layer) => {
      const channel = around?.getBuiltinModule?.('node:diagnostics_channel').channel(`hawser:${layer}`)
      return channel?.hasSubscribers === true ? [[layer, channel] as const] : []
    }),
  )
  if (shown.size === 0 && channels.size === 0) return own
  const began = Date.now()
  return (event) => {
    own?.(event)
    const ms = Date.now() - began
    channels.get(event.layer)?.publish({ connection, role, ms, event })
    if (shown.has(event.layer))
      around?.stderr?.write(`hawser ${role} ${connection} +${ms} ms ${traceLine(event)}\n`)
  }
}

/** `event` as a line for people. What the peer wrote is shown with its control characters escaped. */
export function traceLine(event: TraceEvent): string {
  return `${event.layer}: ${printable(words(event))}`
}

function words(event: TraceEvent): string {
  switch (event.type) {
    case 'message':
      return `${event.direction} ${event.name} (${event.number}), ${event.size} bytes`
    case 'ident':
      return `${event.direction} identification ${event.ident}`
    case 'proposal':
      return `${event.direction} proposal ${Object.entries(event.lists)
        .map(([category, names]) => `${category}=${names.join(',')}`)
        .join(' ')}`
    case 'negotiated':
      return `negotiated ${Object.entries(event.algorithms)
        .map(([category, name]) => `${category}=${name || '(none)'}`)
        .join(' ')}`
    case 'rekey':
      return `rekey: ${event.why}`
    case 'attempt':
    case 'outcome':
      return `${event.type} ${event.method}: ${event.detail}`
    case 'phase':
      return `phase ${event.phase}`
    case 'limit':
      return `limit ${event.limit}: ${event.detail}`
    case 'note':
      return event.detail
    default:
      return (event as { readonly type: string }).type
  }
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => JSON.stringify(character).slice(1, -1))
}

function shownLayers(around: Surroundings | undefined): ReadonlySet<Layer> {
  const wanted = around?.env?.['HAWSER_TRACE'] ?? ''
  const names = wanted.split(/[\s,]+/).filter((name) => name !== '')
  if (names.includes('all')) return new Set(layers)
  const unknown = names.filter((name) => !layers.includes(name as Layer))
  if (unknown.length > 0 && !complained) {
    complained = true
    around?.stderr?.write(
      `hawser: HAWSER_TRACE has ${unknown.map((name) => JSON.stringify(name)).join(', ')}; it takes all, or some of ${layers.join(',')}\n`,
    )
  }
  return new Set(layers.filter((layer) => names.includes(layer)))
}
