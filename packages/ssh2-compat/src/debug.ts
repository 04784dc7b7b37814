/** Turns trace events into the lines that the `debug` option gets. */

import type { Trace, TraceEvent } from '@hawser/wire'
import type { DebugFunction } from './types.ts'

/** A trace that writes each event as one non-empty line; undefined when nobody listens. */
export function debugTrace(debug: DebugFunction | null | undefined, prefix = ''): Trace | undefined {
  if (typeof debug !== 'function') return undefined
  return (event) => debug(`${prefix}${describe(event)}`)
}

function describe(event: TraceEvent): string {
  switch (event.type) {
    case 'message':
      return `${arrow(event.direction)} ${event.layer}: ${event.name} (${event.number}), ${event.size} bytes`
    case 'ident':
      return `${arrow(event.direction)} ${event.direction === 'in' ? 'Remote' : 'Local'} ident: ${JSON.stringify(event.ident)}`
    case 'proposal':
      return `Handshake: ${event.direction === 'in' ? 'remote' : 'local'} proposal ${Object.entries(
        event.lists,
      )
        .map(([category, names]) => `${category}=${names.join(',')}`)
        .join(' ')}`
    case 'negotiated':
      return `Handshake: ${Object.entries(event.algorithms)
        .map(([category, name]) => `${category}=${name || '(none)'}`)
        .join(' ')}`
    case 'rekey':
      return `Rekey: ${event.why}`
    case 'attempt':
    case 'outcome':
      return `Authentication ${event.type}: ${event.method}${event.detail === '' ? '' : `: ${event.detail}`}`
    case 'phase':
      return `Phase: ${event.phase}`
    case 'limit':
      return `Limit ${event.limit} (${event.layer}): ${event.detail}`
    case 'note':
      return `${event.layer}: ${event.detail}`
    default:
      return String((event as { type: string }).type)
  }
}

function arrow(direction: 'in' | 'out'): string {
  return direction === 'in' ? 'Inbound <<' : 'Outbound >>'
}
