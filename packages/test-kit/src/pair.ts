/** Runs two machines against each other in memory, with every way of cutting the bytes between them. */

import { type Chunking, whole } from '@hawser/testing/line'

/** What one layer hands to the one below: bytes, or a payload in two parts. */
export type Output = Uint8Array | { readonly head: Uint8Array; readonly body?: Uint8Array }

/** The face that all of Hawser's machines have. */
export interface Machine<E> {
  receive(input: Uint8Array): void
  poll(): E | undefined
  takeOutput(): Output | undefined
}

export interface PumpOptions<A, B> {
  /** Gets each event of the first machine; may call its verbs. */
  readonly onA?: (event: A) => void
  readonly onB?: (event: B) => void
  /** Default: {@link whole}. */
  readonly chunking?: Chunking
  /** Sees (and may replace) what goes over the wire; undefined loses it. */
  readonly tamper?: (bytes: Uint8Array, to: 'a' | 'b') => Uint8Array | undefined
  /** Rounds after which the two are held to talk for ever, which is an error. Default: 10,000. */
  readonly mostRounds?: number
}

export interface Pumped<A, B> {
  readonly a: readonly A[]
  readonly b: readonly B[]
  /** Bytes that went each way. */
  readonly toA: number
  readonly toB: number
}

/**
 * Moves outputs between `a` and `b` and polls both until neither has anything left; returns all events in order.
 * What a machine or a handler throws comes out unchanged.
 */
export function pump<A, B>(a: Machine<A>, b: Machine<B>, options: PumpOptions<A, B> = {}): Pumped<A, B> {
  const { onA, onB, chunking = whole, tamper, mostRounds = 10_000 } = options
  const events: { a: A[]; b: B[] } = { a: [], b: [] }
  const pass = (bytes: Uint8Array, to: 'a' | 'b'): Uint8Array | undefined =>
    tamper === undefined ? bytes : tamper(bytes, to)
  let toA = 0
  let toB = 0
  for (let round = 0; round < mostRounds; round++) {
    let moved = settle(a, events.a, onA) + settle(b, events.b, onB)
    for (const bytes of outputs(a)) {
      moved++
      toB += bytes.length
      const passed = pass(bytes, 'b')
      if (passed !== undefined)
        for (const piece of chunking(passed)) {
          b.receive(piece)
          settle(b, events.b, onB)
        }
    }
    for (const bytes of outputs(b)) {
      moved++
      toA += bytes.length
      const passed = pass(bytes, 'a')
      if (passed !== undefined)
        for (const piece of chunking(passed)) {
          a.receive(piece)
          settle(a, events.a, onA)
        }
    }
    if (moved === 0) return { a: events.a, b: events.b, toA, toB }
  }
  throw new Error(`the two machines still talk after ${mostRounds} rounds`)
}

/** Everything that `machine` has to send now, one array per output. */
export function* outputs(machine: Pick<Machine<unknown>, 'takeOutput'>): Generator<Uint8Array> {
  for (let output = machine.takeOutput(); output !== undefined; output = machine.takeOutput())
    yield flatten(output)
}

/** An output as one array; a payload's parts are joined. The result is a copy: machines re-use their buffers. */
export function flatten(output: Output): Uint8Array {
  if (output instanceof Uint8Array) return output.slice()
  const { head, body } = output
  if (body === undefined) return head.slice()
  const joined = new Uint8Array(head.length + body.length)
  joined.set(head)
  joined.set(body, head.length)
  return joined
}

function settle<E>(machine: Machine<E>, seen: E[], on: ((event: E) => void) | undefined): number {
  let count = 0
  for (let event = machine.poll(); event !== undefined; event = machine.poll()) {
    seen.push(event)
    count++
    on?.(event)
  }
  return count
}
