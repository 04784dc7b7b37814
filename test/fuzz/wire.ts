/** Target: what the layers declare over the reader and the writer: what is read can be written and read again, and is the same then. */

import { isDeepStrictEqual } from 'node:util'
import {
  channelRequests,
  channelTypes,
  messages as connection,
  decodeTerminalModes,
  globalRequests,
} from '@hawser/connection'
import { messages as sftp } from '@hawser/sftp/protocol'
import { Rng } from '@hawser/test-kit'
import * as transport from '@hawser/transport'
import { messages as userauth } from '@hawser/userauth'
import {
  ByteQueue,
  bigintToBytes,
  bytesToBigint,
  fields,
  ProtocolError,
  Reader,
  type Struct,
  Writer,
} from '@hawser/wire'
import { connectionGrammar, transportGrammar, userauthGrammar } from './grammar.ts'
import { changedOnce } from './mutate.ts'
import { demand, outOfTurn, type Target } from './target.ts'

export const wireTarget: Target = { name: 'wire', packages: ['wire', 'connection'], run }

const declared: readonly Struct<unknown>[] = [
  connection,
  userauth,
  transport,
  channelRequests,
  channelTypes,
  globalRequests,
  sftp,
]
  .flatMap((group) => Object.values(group) as unknown[])
  .filter(
    (value): value is Struct<unknown> =>
      typeof value === 'object' && value !== null && 'decode' in value && 'encode' in value,
  )
const grammars = [connectionGrammar, userauthGrammar, transportGrammar] as const

function run(seed: number): void {
  const rng = new Rng(seed)
  for (let count = 0; count < 50; count++) {
    const seedMessage = rng.pick(grammars)(rng)
    const bytes = rng.chance(0.3) ? seedMessage : changedOnce(seedMessage, [seedMessage], rng)
    const number = bytes[0]
    const fitting = declared.filter((one) => (one as { number?: number }).number === number)
    again(fitting.length > 0 && rng.chance(0.8) ? rng.pick(fitting) : rng.pick(declared), bytes)
    // The data of channel requests and openings stands behind no number.
    again(rng.pick(declared), bytes.subarray(rng.below(bytes.length + 1)))
    readsAny(bytes, rng)
  }
  queueKeepsOrder(rng)
}

function again(one: Struct<unknown>, bytes: Uint8Array): void {
  const value = orRefused(() => one.decode(bytes))
  if (value === undefined) return
  // A space in a name of a list is read and never written.
  const written = outOfTurn(() => one.encode(value.result))
  if (written === undefined)
    return demand(bytes.includes(0x20), `what was read cannot be written: ${JSON.stringify([...bytes])}`)
  // A byte that is no UTF-8 is U+FFFD from then on, of three bytes.
  demand(written.length <= 3 * bytes.length + 64, 'more was written than read')
  const second = one.decode(written)
  demand(
    isDeepStrictEqual(second, value.result),
    `read again it is another value: ${JSON.stringify([...bytes])}`,
  )
}

function readsAny(bytes: Uint8Array, rng: Rng): void {
  const reader = new Reader(bytes, 'fuzz')
  orRefused(() => {
    for (let steps = 0; steps < 20; steps++) {
      const before = reader.offset
      switch (rng.below(8)) {
        case 0:
          return reader.end()
        case 1:
          reader.string()
          break
        case 2:
          reader.utf8()
          break
        case 3: {
          const number = reader.mpint()
          demand(new Reader(new Writer().mpint(number).finish()).mpint() === number, 'an mpint is not itself')
          if (number >= 0n) demand(bytesToBigint(bigintToBytes(number)) === number, 'a number is not itself')
          break
        }
        case 4:
          fields.nameList.read(reader)
          break
        case 5:
          reader.uint64()
          break
        case 6:
          decodeTerminalModes(reader.rest())
          break
        default:
          reader.bytes(rng.below(10))
      }
      demand(reader.offset >= before && reader.offset <= bytes.length, 'the reader is out of its bytes')
    }
  })
}

/** What comes in any pieces goes out in any pieces, in order. */
function queueKeepsOrder(rng: Rng): void {
  const queue = new ByteQueue()
  let next = 0
  let expected = 0
  const check = (bytes: Uint8Array | undefined): void => {
    for (const byte of bytes ?? []) demand(byte === (expected++ & 0xff), 'a byte in the wrong place')
  }
  for (let steps = 0; steps < 40; steps++) {
    switch (rng.below(7)) {
      case 0:
      case 1:
      case 2:
        queue.push(Uint8Array.from({ length: rng.below(300) }, () => next++ & 0xff))
        break
      case 3:
        check(queue.take(rng.below(200)))
        break
      case 4:
        check(queue.takePiece(1 + rng.below(100)))
        break
      case 5:
        queue.keep()
        break
      default: {
        const head = queue.peek(rng.below(20))
        if (head?.[0] !== undefined) demand(head[0] === (expected & 0xff), 'a peek at the wrong place')
      }
    }
    demand(queue.length === next - expected, `${queue.length} bytes of ${next - expected}`)
  }
}

function orRefused<T>(work: () => T): { readonly result: T } | undefined {
  try {
    return { result: work() }
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
