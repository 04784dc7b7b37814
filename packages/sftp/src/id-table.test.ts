import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IdTable } from './id-table.ts'

test('does what a map does, with ids near and far, and around 2^32', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'add', 'delete', 'get'),
    /** An id in front of the newest, so that some wait for long. */
    back: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 1500 })),
    skip: fc.constantFrom(1, 1, 1, 255, 256),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.constantFrom(0, 2 ** 32 - 300), (steps, from) => {
      const table = new IdTable<string>()
      const map = new Map<number, string>()
      let next = from
      for (const { what, back, skip } of steps) {
        const id = (next - back) >>> 0
        if (what === 'add') {
          if (!map.has(next)) {
            table.add(next, `of ${next}`)
            map.set(next, `of ${next}`)
          }
          next = (next + skip) >>> 0
        } else if (what === 'delete') {
          table.delete(id)
          map.delete(id)
        } else expect([table.get(id), table.has(id)]).toEqual([map.get(id), map.has(id)])
        expect(table.size).toBe(map.size)
      }
      const inOrder = [...map].sort(([a], [b]) => a - b).map(([, value]) => value)
      expect(table.drain()).toEqual(inOrder)
      expect(table.size).toBe(0)
    }),
  )
})
