import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteQueue } from './byte-queue.ts'

/** The queue that anybody would write first: one array, copied each time. */
class NaiveQueue {
  bytes: number[] = []
  push(chunk: Uint8Array): void {
    this.bytes.push(...chunk)
  }
  keep(): void {
    // it copies in the first place
  }
  peek(count: number): Uint8Array | undefined {
    return count > this.bytes.length ? undefined : Uint8Array.from(this.bytes.slice(0, count))
  }
  take(count: number, _scratch?: Uint8Array): Uint8Array | undefined {
    return count > this.bytes.length ? undefined : Uint8Array.from(this.bytes.splice(0, count))
  }
  skip(count: number): void {
    this.bytes.splice(0, count)
  }
  indexOf(byte: number, within = this.bytes.length): number {
    return this.bytes.slice(0, within).indexOf(byte)
  }
  clear(): void {
    this.bytes = []
  }
}

describe('ByteQueue', () => {
  test('does what a naive queue does, whatever the order of calls', () => {
    const size = fc.integer({ min: 0, max: 40 })
    const call = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.uint8Array({ maxLength: 25, max: 9 }).map((chunk) => ['push', chunk] as const),
      },
      {
        weight: 4,
        arbitrary: fc.uint8Array({ maxLength: 25, max: 9 }).map((chunk) => ['lend', chunk] as const),
      },
      { weight: 3, arbitrary: size.map((count) => ['take', count] as const) },
      { weight: 2, arbitrary: size.map((count) => ['takeInto', count] as const) },
      size.map((count) => ['peek', count] as const),
      size.map((count) => ['skip', count] as const),
      fc.integer({ min: 0, max: 10 }).map((byte) => ['indexOf', byte] as const),
      fc
        .tuple(fc.integer({ min: 0, max: 10 }), size)
        .map(([byte, within]) => ['indexOfWithin', byte, within] as const),
      { weight: 1, arbitrary: fc.constant(['clear'] as const) },
    )
    fc.assert(
      fc.property(fc.array(call, { maxLength: 120 }), (calls) => {
        const queue = new ByteQueue()
        const naive = new NaiveQueue()
        const scratch = new Uint8Array(20) // too small for some
        for (const step of calls) {
          const [left, right] = [queue, naive].map((one): unknown => {
            switch (step[0]) {
              case 'push':
                return one.push(step[1].slice())
              case 'lend': {
                const lent = step[1].slice()
                one.push(lent)
                one.keep()
                lent.fill(255)
                return
              }
              case 'take':
                return one.take(step[1])
              case 'takeInto':
                return one.take(step[1], scratch)
              case 'peek':
                return one.peek(step[1])
              case 'skip':
                return one.skip(step[1])
              case 'indexOf':
                return one.indexOf(step[1])
              case 'indexOfWithin':
                return one.indexOf(step[1], step[2])
              case 'clear':
                return one.clear()
            }
          })
          expect(left).toEqual(right)
          expect(queue.length).toBe(naive.bytes.length)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('gives views of one chunk and copies across chunks', () => {
    const queue = new ByteQueue()
    const chunk = Uint8Array.of(1, 2, 3, 4)
    queue.push(chunk)
    queue.push(Uint8Array.of(5, 6))
    expect(queue.take(2)?.buffer).toBe(chunk.buffer)
    expect(queue.peek(2)?.buffer).toBe(chunk.buffer)
    const crossing = queue.take(4)
    expect(crossing).toEqual(Uint8Array.of(3, 4, 5, 6))
    expect(crossing?.buffer).not.toBe(chunk.buffer)
    expect(queue.length).toBe(0)
  })

  test('gives the next piece as it lies there, cut to what is wanted', () => {
    const queue = new ByteQueue()
    const chunk = Uint8Array.of(1, 2, 3)
    queue.push(chunk)
    queue.push(Uint8Array.of(4, 5))
    expect(queue.takePiece(0)).toBeUndefined()
    const first = queue.takePiece(2)
    expect(first).toEqual(Uint8Array.of(1, 2))
    expect(first?.buffer).toBe(chunk.buffer)
    expect(queue.takePiece(9)).toEqual(Uint8Array.of(3))
    expect(queue.length).toBe(2)
    expect(queue.takePiece(9)).toEqual(Uint8Array.of(4, 5))
    expect(queue.takePiece(9)).toBeUndefined()
  })

  test('what is kept stands in memory that serves again, whatever its size', () => {
    const rng = (at: number): number => (at * 7919) & 0xff
    for (const chunk of [1, 1000, 5000, 40_000, 300_000, 700_000]) {
      const queue = new ByteQueue()
      const lent = new Uint8Array(chunk)
      let [pushed, taken] = [0, 0]
      for (let round = 0; round < 12; round++) {
        for (let i = 0; i < chunk; i++) lent[i] = rng(pushed++)
        queue.push(lent)
        const count = round === 11 ? queue.length : Math.floor(queue.length * (round % 3 === 0 ? 0.1 : 0.9))
        const got = queue.take(count) as Uint8Array
        for (let i = 0; i < got.length; i++)
          if (got[i] !== rng(taken++)) expect.fail(`byte ${taken} is wrong`)
        queue.keep()
        lent.fill(0)
      }
      expect([taken, queue.length]).toEqual([pushed, 0])
    }
  })

  test('what is kept is a copy also of an array whose slice() is a view, like a Buffer', () => {
    class Views extends Uint8Array {
      override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
        return this.subarray(start, end) as Uint8Array<ArrayBuffer>
      }
    }
    const queue = new ByteQueue()
    const lent = new Views(1_000_000).fill(1)
    queue.push(lent)
    queue.keep()
    lent.fill(2)
    expect(queue.take(3)).toEqual(Uint8Array.of(1, 1, 1))
  })

  test('nothing is removed when there is too little', () => {
    const queue = new ByteQueue()
    queue.push(Uint8Array.of(1))
    expect(queue.take(2)).toBeUndefined()
    expect(queue.take(1)).toEqual(Uint8Array.of(1))
    expect(queue.take(0)).toEqual(new Uint8Array(0))
    expect(queue.take(1)).toBeUndefined()
  })

  test('ten thousand one-byte chunks come out in order, also across its own housekeeping', () => {
    const queue = new ByteQueue()
    for (let at = 0; at < 10_000; at++) queue.push(Uint8Array.of(at & 0xff))
    for (let at = 0; at < 9_000; at++) expect(queue.take(1)?.[0]).toBe(at & 0xff)
    const rest = queue.take(1_000)
    expect(rest?.length).toBe(1_000)
    expect(rest?.every((byte, at) => byte === ((9_000 + at) & 0xff))).toBe(true)
  })
})
