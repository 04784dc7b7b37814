import { expect, test } from 'vitest'
import { LazyMap } from './lazy-map.ts'

test('holds what was set until it is deleted, and can be filled again', () => {
  const map = new LazyMap<number, string>()
  expect([map.get(1), map.all()]).toEqual([undefined, []])
  map.delete(1)
  map.set(1, 'a')
  map.set(2, 'b')
  expect([map.get(1), map.all()]).toEqual(['a', ['a', 'b']])
  map.delete(1)
  map.delete(2)
  expect([map.get(2), map.all()]).toEqual([undefined, []])
  map.set(3, 'c')
  expect(map.all()).toEqual(['c'])
  map.clear()
  expect(map.all()).toEqual([])
})

test('what is in it can be deleted while somebody goes through it', () => {
  const map = new LazyMap<number, number>()
  for (let at = 0; at < 5; at++) map.set(at, at)
  const seen: number[] = []
  for (const value of map.all()) {
    seen.push(value)
    map.delete(value)
    map.delete(4 - value)
  }
  expect(seen).toEqual([0, 1, 2, 3, 4])
  expect(map.all()).toEqual([])
})
